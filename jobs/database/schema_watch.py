"""A worker looks whether the schema is still the one that it works with; where it is not, it ends after its batch.

The table of settings keeps its shape for ever: workers of all versions read it.
"""

import time
from dataclasses import dataclass

import psycopg

from pgdex.jobs.database.connection import Connection
from pgdex.jobs.errors import SchemaBehind
from pgdex.migrations import version

SCHEMA_LOOK_SECONDS = 1.0
LEFT_BEHIND = 78
"""The exit code of a worker process that ended because the schema is another one now. It is the number that stands for
a configuration error in sysexits.h: starting the same program again mends nothing."""
NOTED = "select name, value from pgdex.settings where name in ('schema_version', 'upgrade_session')"
# Whoever changes the schema has a session; a row without it was left by one that died.
UPGRADE_RUNS = "select 1 from pg_stat_activity where pid = %s and application_name = 'pgdex upgrade'"
WAIT_SECONDS = 600.0
GONE = (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName, psycopg.errors.InsufficientPrivilege)


class SchemaGone(SystemExit):
    """Ends the process of a worker whose schema is gone."""

    def __init__(self) -> None:
        super().__init__(LEFT_BEHIND)


@dataclass(frozen=True, slots=True)
class End:
    """Why a worker has to end after its batch."""

    reason: str
    is_left_behind: bool
    """The schema is another one now; else it is about to be changed, and what starts next waits for that."""


async def reason_to_end(session: psycopg.AsyncConnection) -> End | None:
    """Whether a worker on this (autocommit) session has to end, and why. Raises psycopg.Error."""
    try:
        cursor = await session.execute(NOTED)
        noted = {str(name): str(value) for name, value in await cursor.fetchall()}
    except GONE:
        noted = {}
    if (found := noted.get("schema_version")) != str(version.expected()):
        return End(_left_behind(found), is_left_behind=True)
    if "upgrade_session" in noted:
        cursor = await session.execute(UPGRADE_RUNS, [noted["upgrade_session"]])
        if await cursor.fetchone():
            reason = "the schema is about to be changed: this worker ends after its batch"
            return End(reason, is_left_behind=False)
    return None


def _left_behind(found: str | None) -> str:
    if found is None:
        return "the database has no pgdex schema any more"
    return (
        f"the database has schema {found} now, and this worker works with {version.expected()}: it ends after its "
        "batch. Install the pgdex of that schema here and start workers again"
    )


def is_left_behind(connection: Connection) -> bool:
    """Whether the schema is another one than this process works with: its errors are not errors of the work then."""
    try:
        found = version.installed(connection)
    except psycopg.Error:
        return False
    return found != version.expected()


def wait_for_upgrade(connection: Connection) -> None:
    """Return when nobody is about to change the schema (any more). Raises SchemaBehind after ten minutes."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            noted = {str(name): str(value) for name, value in connection.execute(NOTED).fetchall()}
        except GONE:
            return
        upgrading = noted.get("upgrade_session")
        if upgrading is None or connection.execute(UPGRADE_RUNS, [upgrading]).fetchone() is None:
            return
        if time.monotonic() > deadline:
            raise SchemaBehind(f"session {upgrading} has been changing the schema for {WAIT_SECONDS:.0f} s")
        time.sleep(0.5)
