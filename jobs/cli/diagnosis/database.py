"""Checks of the database: the server, pgvector, the schema, and what the login may do."""

from typing import TYPE_CHECKING

from pgdex.jobs.cli.diagnosis.checks import Check, failed, ok, warning
from pgdex.migrations.pgvector import OLDEST, RECOMMENDED, dotted, version_numbers

if TYPE_CHECKING:
    from pgdex.jobs.database.connection import Connection
    from pgdex.jobs.settings import Settings

OLDEST_SERVER = 15
INSTALL_VECTOR = (
    f"Install pgvector {dotted(OLDEST)} or newer on the server, {dotted(RECOMMENDED)} being best: Debian and Ubuntu "
    f"have postgresql-VERSION-pgvector, Docker has the image pgvector/pgvector."
)
UPDATE_VECTOR = "Then run in this database: alter extension vector update;"
CREATE_ROLES = (
    "Run `pgdex db upgrade` once as a role that may create roles; until then only the schema's owner can use pgdex."
)


def server_check(connection: "Connection", where: str) -> Check:
    """The server's version, and what lies between."""
    from pgdex.jobs.database.outages import READ_ONLY
    from pgdex.jobs.database.sessions import holds_session, takes_writes
    from pgdex.jobs.worker.peers import LOCK_GRACE_SECONDS, SILENCE_SECONDS

    version = connection.info.server_version
    finding = f"{where}: PostgreSQL {version // 10000}.{version % 10000}"
    if version // 10000 < OLDEST_SERVER:
        return failed("database", finding, f"Use PostgreSQL {OLDEST_SERVER} or newer.")
    if not takes_writes(connection):
        return failed("database", finding, f"{READ_ONLY[0].upper()}{READ_ONLY[1:]}.")
    if not holds_session(connection):
        advice = (
            "Commands and workers work, but workers poll, and a dead worker is noticed after "
            f"{SILENCE_SECONDS:g} seconds instead of {LOCK_GRACE_SECONDS:g}. "
            "A pool in session mode, or PostgreSQL itself, is better for workers."
        )
        return warning("database", f"{finding}, behind a connection pooler in transaction mode", advice)
    return ok("database", finding)


def vector_check(connection: "Connection", settings: "Settings") -> Check:
    """Whether pgvector is there, and new enough. Into the embedded server's database the first command puts it."""
    row = connection.execute(
        "select a.installed_version, a.default_version from pg_available_extensions a where a.name = 'vector'"
    ).fetchone()
    if row is None:
        return failed("pgvector", "the server does not have it", INSTALL_VECTOR)
    installed, available = row
    if installed is None:
        return _not_created(available, settings)
    if version_numbers(installed) < OLDEST:
        return failed("pgvector", f"{installed} is too old", f"{INSTALL_VECTOR} {UPDATE_VECTOR}")
    if version_numbers(installed) < RECOMMENDED:
        finding = f"{installed} works, but it can damage vector indexes (on vacuum, and when building one in parallel)"
        return warning("pgvector", finding, f"{INSTALL_VECTOR} {UPDATE_VECTOR}")
    return ok("pgvector", str(installed))


def _not_created(available: str, settings: "Settings") -> Check:
    """The extension is on the server and not in the database yet."""
    if version_numbers(available) < OLDEST:
        return failed("pgvector", f"the server offers {available}", INSTALL_VECTOR)
    if settings.database_url is None:
        return ok("pgvector", f"{available}, put into the database by the first command")
    return warning("pgvector", f"{available} is there, but not in this database", "Run: pgdex db upgrade")


def schema_check(connection: "Connection", settings: "Settings") -> Check:
    """Whether the schema is the one that this pgdex works with."""
    from psycopg.errors import InsufficientPrivilege

    from pgdex.jobs.database.roles import READER, not_allowed
    from pgdex.jobs.database.schema import expected_version
    from pgdex.migrations import version
    from pgdex.migrations.version import Order

    try:
        installed, expected = version.installed(connection), expected_version()
    except InsufficientPrivilege:
        finding, _, advice = str(not_allowed(connection, READER)).partition(": ")
        return failed("schema", finding, f"{advice[0].upper()}{advice[1:]}")
    order = installed.order() if installed else Order.OLDER
    if order is Order.CURRENT:
        return ok("schema", str(installed))
    finding = "not there yet" if installed is None else f"{installed}, but this pgdex works with {expected}"
    if order is Order.NEWER:
        return failed("schema", finding, "A newer pgdex upgraded it: update pgdex on this machine.")
    if order is Order.UNRELEASED:
        advice = "It is from before the first release and can't be upgraded. Start over with: pgdex db reset"
        return failed("schema", finding, advice)
    if settings.database_url is None and order is Order.OLDER:
        return ok("schema", f"{finding}: {'created' if installed is None else 'upgraded'} by the next command")
    return failed("schema", finding, "Run: pgdex db upgrade")


def schema_is_current(connection: "Connection") -> bool:
    """Whether there is a schema that the other checks can ask."""
    from pgdex.migrations import version
    from pgdex.migrations.version import Order

    installed = version.installed(connection)
    return installed is not None and installed.order() is Order.CURRENT


def login_check(connection: "Connection") -> Check:
    """What the present login may do in the database."""
    from pgdex.jobs.database.roles import PURPOSES, READER, TYPICAL, abilities, grant_statement

    mine = abilities(connection)
    missing = [role for role in TYPICAL if role not in mine.roles]
    if READER in missing:
        advice = f"An administrator of the database can give access with: {grant_statement(READER, mine.login)}"
        return failed("login", f"{mine.login} may not {PURPOSES[READER]}", advice)
    finding = f"{mine.login} may {', '.join(PURPOSES[role] for role in mine.roles)}"
    if missing:
        finding += f"; not {', '.join(f'{PURPOSES[role]} ({role})' for role in missing)}"
    if not mine.groups_exist:
        return warning("login", f"{finding}. The roles {', '.join(TYPICAL)} do not exist", CREATE_ROLES)
    return ok("login", finding)
