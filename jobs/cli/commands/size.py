"""`pgdex size`: what takes how much disk space."""

import json
import os
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from pgdex.jobs.cli.arguments import json_option
from pgdex.jobs.cli.exit_codes import ExitCode
from pgdex.jobs.cli.render.console import note, print_json, show

if TYPE_CHECKING:
    from pgdex.jobs.cli.upkeep.sizes import DatabaseSize
    from pgdex.jobs.settings import Settings

PATIENCE_SECONDS = 1.0


@click.command()
@json_option
def size(*, as_json: bool) -> ExitCode:
    """Show how much disk space pgdex takes: the folders in PGDEX_HOME, and each repository in the database.

    A repository's number covers its chunks with their vectors and indexes; small repositories share a table, and theirs
    are estimates. Of a database that PGDEX_DATABASE_URL names, only what is inside it can be told. `pgdex repos` shows
    which versions of files take the space, `pgdex remove` frees it.
    """
    from pgdex.jobs.cli.upkeep.sizes import part_sizes
    from pgdex.jobs.settings import settings

    configured = settings()
    parts = part_sizes(configured, progress=_Patience("Adding up files …"))
    database, problem = _database(configured)
    if as_json:
        document = {
            "home": str(configured.home),
            "parts": [asdict(part) for part in parts],
            "bytes": sum(part.bytes for part in parts),
            "database": asdict(database) if database is not None else None,
            "database_problem": problem,
        }
        print_json(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        from pgdex.jobs.cli.render.upkeep import sizes_tables

        tables = sizes_tables(parts, database)
        if tables:
            show(*tables)
    if not parts and database is None and problem is None:
        note(f"There is nothing in {configured.home} yet: nothing was indexed with the embedded PostgreSQL.")
    if any(part.unreadable for part in parts):
        note("Some folders belong to another user and can't be read; they are not counted.")
    if problem is not None:
        note(f"What is in the database can't be told: {problem}")
    return ExitCode.DONE if problem is None else ExitCode.DATABASE


def _database(settings: "Settings") -> "tuple[DatabaseSize | None, str | None]":
    """What is in the database, or why that can't be told; neither where there is none yet."""
    from pgdex.jobs.cli.session import open_client
    from pgdex.jobs.cli.upkeep.sizes import database_size
    from pgdex.jobs.database.connection import describe
    from pgdex.jobs.errors import PgdexError

    if settings.database_url is None and not os.path.exists(settings.home / "data"):
        return None, None
    try:
        with open_client() as client:
            return database_size(client.connection, where=describe(settings)), None
    except PgdexError as error:
        return None, str(error)


class _Patience:
    """Says once that something takes longer than a second."""

    def __init__(self, message: str) -> None:
        self._message: str | None = message
        self._until = time.monotonic() + PATIENCE_SECONDS

    def __call__(self) -> None:
        if self._message is not None and time.monotonic() > self._until:
            note(self._message)
            self._message = None
