"""All checks in their order; what an earlier failure makes impossible is left out."""

from collections.abc import Callable, Iterable, Iterator

from pgdex.jobs.cli.diagnosis.agents import agents_checks
from pgdex.jobs.cli.diagnosis.checks import Check, failed, ok
from pgdex.jobs.cli.diagnosis.machine import embedder_check, grammars_check, home_check
from pgdex.jobs.cli.diagnosis.watching import present_root, watching_check
from pgdex.jobs.cli.session import present_folder
from pgdex.jobs.errors import InvalidSetting, PgdexError


def diagnosis() -> Iterator[Check]:
    """Each check as it is done: some take a second."""
    from pgdex.jobs.database.connection import describe
    from pgdex.jobs.settings import settings

    try:
        configured = settings()
    except InvalidSetting as error:
        yield failed("settings", str(error), "Correct the variable, or unset it to get the default.")
        return
    set_ones = sorted(configured.given)
    changed = ", ".join(f"PGDEX_{name.upper()}" for name in set_ones) if set_ones else "all are at their defaults"
    yield ok("settings", changed)
    yield from done("folder", lambda: [home_check(configured)])

    from pgdex.jobs.cli.diagnosis.database import login_check, schema_check, server_check, vector_check
    from pgdex.jobs.cli.diagnosis.git import git_check, mirrors_checks
    from pgdex.jobs.cli.diagnosis.index import index_checks
    from pgdex.jobs.cli.diagnosis.schedules import schedules_checks
    from pgdex.jobs.cli.diagnosis.views import views_checks
    from pgdex.jobs.cli.diagnosis.work import jobs_checks, workers_check
    from pgdex.jobs.database.connection import connect

    try:
        connection = connect(configured)
    except PgdexError as error:
        advice = (
            "Is it running, and is PGDEX_DATABASE_URL right? `psql` with the same address tells more."
            if configured.database_url is not None
            else f"The server's log: {configured.home / 'data' / 'log'}"
        )
        yield failed("database", str(error), advice)
    else:
        with connection:
            yield from done("database", lambda: [server_check(connection, describe(configured))])
            yield from done("pgvector", lambda: [vector_check(connection)])
            schema = done("schema", lambda: [schema_check(connection, configured)])
            yield from schema
            if schema[0].outcome == "ok":
                yield from done("login", lambda: [login_check(connection)])
                yield from done("workers", lambda: [workers_check(connection, configured)])
                yield from done("jobs", lambda: jobs_checks(connection))
                yield from done("index", lambda: index_checks(connection))
                yield from done("views", lambda: views_checks(connection, configured))
                yield from done("schedules", lambda: schedules_checks(connection))
                yield from done("git", lambda: [git_check(connection)])
    yield from done("mirrors", lambda: mirrors_checks(configured))
    root = present_root()
    if root is not None:
        yield from done("watching", lambda: [watching_check(configured, root)])
    yield from done("embedder", lambda: [embedder_check(configured)])
    yield from done("grammars", lambda: [grammars_check()])
    yield from done("agents", lambda: agents_checks(configured.home, present_folder()))


def done(name: str, checks: Callable[[], Iterable[Check]]) -> list[Check]:
    """The results of `checks`; an error that they did not reckon with is a result too, and others still run."""
    try:
        return list(checks())
    except Exception as error:
        finding = f"unexpected {type(error).__name__}: {' '.join(str(error).split())}"
        return [
            failed(name, finding, "If the message doesn't explain it, report it with the output of `pgdex --debug`.")
        ]
