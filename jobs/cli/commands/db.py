"""`pgdex db`: the database's schema, its address, and a psql in it."""

import click

from jobs.cli.arguments import json_option
from jobs.cli.exit_codes import ExitCode
from jobs.cli.lazy import LazyCommand, LazyGroup
from jobs.cli.render.console import note, print_json

SECTIONS = {
    "Commands": {
        "upgrade": LazyCommand("jobs.cli.commands.db:upgrade", "Create pgdex's schema, or bring it up to date."),
        "downgrade": LazyCommand("jobs.cli.commands.db:downgrade", "Take the schema back, down to nothing."),
        "url": LazyCommand("jobs.cli.commands.db:url", "Print the database's address."),
        "psql": LazyCommand("jobs.cli.commands.db:psql", "Open psql in the database."),
    }
}


@click.command(cls=LazyGroup, sections=SECTIONS)
def db() -> None:
    """Look after the database: the one of PGDEX_DATABASE_URL, or else the embedded PostgreSQL under PGDEX_HOME.

    Everything of pgdex is in the schema `pgdex`, so it fits into a database that holds other things.
    """


@click.command()
@json_option
def upgrade(*, as_json: bool) -> None:
    """Create pgdex's schema in the database, or bring it up to date; nothing happens where it is.

    The embedded PostgreSQL is upgraded by itself when it is used. Stop workers of an older version first.
    """
    from jobs import schema
    from jobs.database import describe
    from jobs.settings import settings

    configured = settings()
    schema.upgrade(configured)
    _report(describe(configured), schema.expected_version(), as_json=as_json)


@click.command()
@click.option(
    "--to",
    "revision",
    required=True,
    metavar="REVISION",
    help="The Alembic revision to go back to, such as 0001; `base` removes everything, the index included.",
)
@click.option("--yes", is_flag=True, help="Don't ask.")
@json_option
def downgrade(*, revision: str, yes: bool, as_json: bool) -> ExitCode | None:
    """Take the schema back to an earlier revision. What later revisions brought is lost."""
    import sys

    from jobs import schema
    from jobs.database import describe
    from jobs.settings import settings

    configured = settings()
    where = describe(configured)
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("There is no terminal to ask for a confirmation on: add --yes.")
        everything = "all jobs, files, chunks and vectors are deleted"
        lost = everything if revision == "base" else f"what came after {revision} is deleted"
        note(f"Take the schema in {where} down to {revision}? Then {lost}; your source code is not touched.")
        if not click.confirm("Downgrade it?", default=False, err=True):
            note("Nothing was changed.")
            return None
    schema.downgrade(configured, revision)
    _report(where, revision, as_json=as_json)
    return None


@click.command()
@click.option("--show-password", is_flag=True, help="Print the password too.")
@json_option
def url(*, show_password: bool, as_json: bool) -> None:
    """Print the database's address, for psql and other tools; without the password unless asked for."""
    from jobs.cli.addresses import without_password
    from jobs.database import database_url
    from jobs.settings import settings

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
        note("The embedded server stays while somebody is connected, and for some minutes after (PGDEX_SERVER_LINGER).")


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[PSQL_OPTIONS]...")
def psql(*, arguments: tuple[str, ...]) -> int:
    """Open psql in the database, where pgdex's tables and functions need no schema in front of their names.

    \b
    Examples:
      pgdex db psql
      pgdex db psql -c 'select job_id, status, progress_message from job_status'
    """
    from jobs.cli.psql import run_psql
    from jobs.settings import settings

    return run_psql(settings(), arguments)


def _report(where: str, version: str, *, as_json: bool) -> None:
    if as_json:
        import json

        print_json(json.dumps({"database": where, "schema_version": version}))
    else:
        click.echo(f"The schema in {where} is at {version}.")
