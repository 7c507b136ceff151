"""Members of pgdex's roles, and of none, on a test's database."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pgdex.jobs.database.connection import Connection, connect
from tests.support.databases import settings_for
from tests.support.logins import Finished, new_login, run_pgdex

READER, CLIENT, WORKER = ROLES = ("pgdex_reader", "pgdex_client", "pgdex_worker")
NO_ROLE = "no role"
DENIED = "42501"


@contextmanager
def logged_in(database_url: str, role: str) -> Iterator[Connection]:
    """A connection of a new login with that role and nothing else."""
    roles = [] if role == NO_ROLE else [role]
    with new_login(database_url, *roles) as url, connect(settings_for(url)) as connection:
        yield connection


def command(*arguments: str, url: str, home: Path) -> Finished:
    return run_pgdex(*arguments, home=home, PGDEX_DATABASE_URL=url)
