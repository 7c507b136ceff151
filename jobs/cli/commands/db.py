"""`pgdex db`: the database's schema, its address, and a psql in it."""

import click

from pgdex.jobs.cli.arguments import json_option
from pgdex.jobs.cli.exit_codes import ExitCode
from pgdex.jobs.cli.lazy import LazyCommand, LazyGroup
from pgdex.jobs.cli.render.console import is_confirmed, note, print_json, say

SECTIONS = {
    "Commands": {
        "upgrade": LazyCommand("pgdex.jobs.cli.commands.db:upgrade", "Create pgdex's schema, or bring it up to date."),
        "downgrade": LazyCommand("pgdex.jobs.cli.commands.db:downgrade", "Downgrade the schema, down to nothing."),
        "reset": LazyCommand("pgdex.jobs.cli.commands.db:reset", "Delete everything and start over."),
        "grant": LazyCommand("pgdex.jobs.cli.commands.db:grant", "Let a login search, start jobs, or run them."),
        "url": LazyCommand("pgdex.jobs.cli.commands.db:url", "Print the database's address."),
        "psql": LazyCommand("pgdex.jobs.cli.commands.db:psql", "Open psql in the database."),
        "dump": LazyCommand("pgdex.jobs.cli.commands.dumps:dump", "Write everything in it to a file."),
        "restore": LazyCommand("pgdex.jobs.cli.commands.dumps:restore", "Put such a file in its place."),
    }
}


@click.command(cls=LazyGroup, sections=SECTIONS)
def db() -> None:
    """Manage the database: that of PGDEX_DATABASE_URL, or else the embedded PostgreSQL under PGDEX_HOME.

    Everything is in the schema `pgdex`, so pgdex can share a database with other applications.
    """


@click.command()
@click.option("--force", is_flag=True, help="Continue even if workers of another version don't stop.")
@json_option
def upgrade(*, force: bool, as_json: bool) -> None:
    """Create pgdex's schema in the database, or bring it up to date.

    Upgrades only: a schema made by a newer pgdex is left alone. Workers of another version are asked to stop after
    their batch; start those of this version afterwards. The embedded PostgreSQL is upgraded automatically when it is
    used.
    """
    from pgdex.jobs.database import schema
    from pgdex.jobs.database.connection import describe
    from pgdex.jobs.settings import settings

    configured = settings()
    schema.upgrade(configured, force=force)
    _report(describe(configured), schema.expected_version(), as_json=as_json)


@click.command()
@click.option(
    "--to",
    "revision",
    required=True,
    metavar="REVISION",
    help="The Alembic revision to go back to, such as 0001_tables; `base` removes everything, the index included.",
)
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.option("--force", is_flag=True, help="Even if workers are running: they are asked to stop after their batch.")
@json_option
def downgrade(*, revision: str, yes: bool, force: bool, as_json: bool) -> ExitCode | None:
    """Downgrade the schema to an earlier revision. What later revisions added is lost.

    The tables have no functions until the pgdex that belongs to that revision runs `pgdex db upgrade`; this version's
    `pgdex db upgrade` upgrades them again.
    """
    from pgdex.jobs.database import schema
    from pgdex.jobs.database.connection import describe
    from pgdex.jobs.settings import settings

    configured = settings()
    where = describe(configured)
    if not yes:
        everything = "all jobs, files, chunks and vectors are deleted"
        lost = everything if revision == "base" else f"what came after {revision} is deleted"
        explanation = f"Take the schema in {where} down to {revision}? Then {lost}; your source code is not touched."
        if not is_confirmed(explanation, question="Downgrade it?", declined="Nothing was changed."):
            return None
    _report(where, schema.downgrade(configured, revision, force=force), as_json=as_json)
    return None


@click.command()
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.option(
    "--force",
    is_flag=True,
    help="Even if workers are running (they are asked to stop after their batch) or a newer pgdex made the schema.",
)
@json_option
def reset(*, yes: bool, force: bool, as_json: bool) -> ExitCode | None:
    """Delete everything that pgdex has in the database and create its schema again, to start over.

    All jobs, repositories, chunks, vectors and settings are lost; your source code and the database's other schemas are
    not touched. Works with a schema of any version of pgdex. Only the schema's owner may do it.
    """
    from pgdex.jobs.database.connection import describe
    from pgdex.jobs.database.reset import reset as start_over
    from pgdex.jobs.database.reset import what_is_lost
    from pgdex.jobs.database.schema import expected_version
    from pgdex.jobs.settings import settings

    configured = settings()
    where = describe(configured)
    if not yes:
        losses = what_is_lost(configured, force=force)
        explanation = f"Reset the schema in {where}? This deletes: {losses}. Your source code is not touched."
        if not is_confirmed(explanation, question="Delete it?", declined="Nothing was changed."):
            return None
    losses = start_over(configured, force=force)
    if as_json:
        import json

        lost = {"repositories": losses.repositories, "chunks": losses.chunks, "jobs": losses.jobs}
        print_json(json.dumps({"database": where, "schema_version": expected_version(), "deleted": lost}))
        return None
    say(f"The schema in {where} was created again, at {expected_version()}. Deleted: {losses}.")
    return None


@click.command()
@click.argument("login")
@click.option(
    "--role",
    required=True,
    type=click.Choice(["reader", "client", "worker"]),
    help="reader: search and look at jobs; client: also start and cancel them; worker: also run them.",
)
@click.option(
    "--password-env",
    "variable",
    metavar="NAME",
    help="The environment variable that holds the password to set for the login.",
)
@json_option
def grant(*, login: str, role: str, variable: str | None, as_json: bool) -> None:
    """Give LOGIN one of pgdex's roles in this database, creating the login if it doesn't exist.

    For a database shared by several people. Needs a login that may create roles, usually the one that ran `pgdex db
    upgrade`.

    \b
    Examples:
      export PW=…; pgdex db grant indexer --role worker --password-env PW
      pgdex db grant alice --role reader
    """
    import os

    from pgdex.jobs.client.client import Client
    from pgdex.jobs.database.connection import describe
    from pgdex.jobs.database.logins import grant_role
    from pgdex.jobs.settings import settings

    password = None
    if variable is not None:
        password = os.environ.get(variable)
        if not password:
            raise click.UsageError(f"The environment variable {variable} is not set, or empty.")
    configured = settings()
    with Client.open(configured) as client:
        made = grant_role(client.connection, login, role, password=password)
    if as_json:
        import json

        print_json(json.dumps({"login": login, "role": f"pgdex_{role}", "made": made}))
        return
    say(f"The login {login} {'was created and ' if made else ''}has the role pgdex_{role} in {describe(configured)}.")
    if made and password is None:
        note("It has no password; if the server asks for one, set it with --password-env.")


@click.command()
@click.option("--show-password", is_flag=True, help="Print the password too.")
@json_option
def url(*, show_password: bool, as_json: bool) -> None:
    """Print the database's address, for psql and other tools; without the password unless asked for."""
    from pgdex.jobs.cli.addresses import without_password
    from pgdex.jobs.database.connection import database_url
    from pgdex.jobs.settings import settings

    configured = settings()
    full = database_url(configured)
    shown, had_password = (full, False) if show_password else without_password(full)
    if as_json:
        import json

        print_json(json.dumps({"database_url": shown}))
        return
    click.echo(shown)
    if had_password:
        note("The password is left out; --show-password prints it.")
    if configured.database_url is None:
        note(
            "The embedded server keeps running while someone is connected, and for a few minutes after "
            "(PGDEX_SERVER_LINGER)."
        )


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[PSQL_OPTIONS]...")
def psql(*, arguments: tuple[str, ...]) -> int:
    """Open psql in the database, with pgdex's tables and functions on its search path.

    \b
    Examples:
      pgdex db psql
      pgdex db psql -c 'select job_id, status, progress_message from job_status'
    """
    from pgdex.jobs.cli.psql import run_psql
    from pgdex.jobs.settings import settings

    return run_psql(settings(), arguments)


def _report(where: str, version: str, *, as_json: bool) -> None:
    if as_json:
        import json

        print_json(json.dumps({"database": where, "schema_version": version}))
    else:
        say(f"The schema in {where} is at {version}.")
