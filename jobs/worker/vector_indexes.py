"""Vector indexes, built beside the jobs: no job waits for one, and signatures are compared until there is one.

One is built at a time in the whole database, in the server's processes, which run at normal priority however low a
worker's is. So none begins while jobs are running, and one that is being built gives way to a job that begins; an index
that has been due for ten minutes is built all the same, by one process.
"""

import asyncio
import logging
import time
from dataclasses import dataclass, field
from typing import LiteralString

import psycopg

from pgdex.jobs.database.connection import connect_async
from pgdex.jobs.errors import DatabaseUnavailable
from pgdex.jobs.logging import fields
from pgdex.jobs.settings import Settings
from pgdex.jobs.worker.peers import Turn

PERIOD_SECONDS = 5.0
WATCH_SECONDS = 0.5  # how long a job that begins meanwhile waits, at most, before the build gives way
TRY_AGAIN_SECONDS = 30.0
LONGEST_DELAY_SECONDS = 3600.0
PATIENCE_SECONDS = 600.0  # how long an index may be due before it is built beside running jobs
HELPERS = 1  # processes that help the building one on a server without running jobs
APPLICATION = "pgdex vector index"

DUE = """
    select due, coalesce(b.failures, 0)
    from pgdex.vector_indexes_due(%s) as due left join pgdex.vector_index_builds b on b.repository_id = due
"""
TURN = "select counter from pgdex.cluster_duties where name = 'vector_indexes'"
TIDY = "select pgdex.drop_unwanted_vector_indexes(null, %s)"
OWN_TABLE = "select pgdex.ensure_chunk_partition(id, chunks, 0) from pgdex.repositories where id = %s"
BUILD = "select pgdex.build_vector_index(%s, %s, %s, %s, %s)"
FAILED = "select pgdex.vector_index_failed(%s, %s)"
MUST_GIVE_WAY = """
    select exists (
        select from pgdex.indexing_jobs j join pgdex.views v on v.id = j.view_id
        where v.repository_id = %s and pgdex.is_live(j.status) or not %s and j.status = 'running'
    )
"""

logger = logging.getLogger("pgdex.worker")


@dataclass(slots=True)
class Patience:
    """Since when this worker has seen that an index is due, and since when its builds have failed so often. By the
    worker's own clock that only goes forward: the server's may be set."""

    due: dict[int, float] = field(default_factory=dict)
    failures: dict[int, tuple[int, float]] = field(default_factory=dict)

    def looked(self, due: dict[int, int]) -> None:
        """What is due now: how often each build has failed, by repository."""
        now = time.monotonic()
        self.due = {one: self.due.get(one, now) for one in due}
        self.failures = {
            one: self.failures[one] if self.failures.get(one, (0, 0.0))[0] == count else (count, now)
            for one, count in due.items()
            if count
        }

    def is_up(self, repository_id: int) -> bool:
        """Whether the index was due for so long that it is built beside running jobs."""
        return time.monotonic() - self.due.get(repository_id, time.monotonic()) > PATIENCE_SECONDS

    def may_try(self, repository_id: int) -> bool:
        """Whether the wait after a failed build is over: 30 s, a minute, two, … an hour."""
        if repository_id not in self.failures:
            return True
        count, since = self.failures[repository_id]
        return time.monotonic() - since >= min(LONGEST_DELAY_SECONDS, TRY_AGAIN_SECONDS * 2.0 ** min(count - 1, 20))


async def keep_vector_indexes(settings: Settings) -> None:
    """Build what is due, look again every few seconds. Runs until it is cancelled."""
    patience, tidying = Patience(), Turn(period_seconds=PERIOD_SECONDS)
    while True:
        try:
            await build_due_indexes(settings, patience, tidying)
        except (psycopg.Error, DatabaseUnavailable) as error:
            about = fields(action="vector_index_failed")
            logger.warning("vector indexes were not maintained, trying again: %s", error, extra=about)
            await asyncio.sleep(TRY_AGAIN_SECONDS)
        await asyncio.sleep(PERIOD_SECONDS)


async def build_due_indexes(settings: Settings, patience: Patience | None = None, tidying: Turn | None = None) -> int:
    """Drop the vector indexes that cost more than they are worth, if it is this process's turn, and build those that
    are due and that nobody else builds; returns how many were built. Raises psycopg.Error."""
    patience, tidying = patience or Patience(), tidying or Turn(period_seconds=0.0)
    built = 0
    async with await connect_async(settings, application=APPLICATION) as connection:
        row = await (await connection.execute(TURN)).fetchone()
        if row and tidying.is_due(row[0], now=time.monotonic()):
            await connection.execute(TIDY, row)
        rows = await (await connection.execute(DUE, [settings.exact_search_chunks])).fetchall()
        patience.looked(dict(rows))
        for repository_id, failures in rows:
            if patience.may_try(repository_id):
                build = Build(connection, settings, repository_id, beside_jobs=patience.is_up(repository_id))
                # A first failure may be for want of shared memory, which building with helpers needs.
                built += await build.run(helpers=0 if failures or build.beside_jobs else HELPERS)
    return built


@dataclass(slots=True)
class Build:
    """Building one repository's vector index on a connection."""

    connection: psycopg.AsyncConnection
    settings: Settings
    repository_id: int
    beside_jobs: bool
    gave_way: bool = False

    async def run(self, *, helpers: int) -> bool:
        """Whether it was built. Raises psycopg.OperationalError where the connection is lost."""
        started = time.perf_counter()
        giving_way = asyncio.create_task(self._give_way())
        try:
            await self.connection.execute(OWN_TABLE, [self.repository_id])
            memory = self.settings.vector_index_memory_mb
            is_built = await self._ask(
                BUILD, self.repository_id, self.settings.exact_search_chunks, self.beside_jobs, memory, helpers
            )
        except psycopg.Error as error:
            if self.connection.closed:
                raise
            if self.gave_way:
                logger.info("a job began: the vector index is built after it", extra=self._about("put_off"))
            else:
                await self._note_failure(error)
            return False
        finally:
            giving_way.cancel()
            await asyncio.gather(giving_way, return_exceptions=True)
        if is_built:
            seconds = round(time.perf_counter() - started, 1)
            logger.info("built a vector index", extra=self._about("built", seconds=seconds))
        return is_built

    async def _note_failure(self, error: psycopg.Error) -> None:
        reason = " ".join(str(error).split())
        await self.connection.execute(FAILED, [self.repository_id, reason])
        logger.warning(
            "a vector index was not built (searches are slower until it is): %s", reason, extra=self._about("failed")
        )

    async def _give_way(self) -> None:
        """Cancel the connection's statement when a job is live that it would be in the way of."""
        async with await connect_async(self.settings, application=APPLICATION) as watching:
            while True:
                await asyncio.sleep(WATCH_SECONDS)
                row = await (await watching.execute(MUST_GIVE_WAY, [self.repository_id, self.beside_jobs])).fetchone()
                if row and row[0]:
                    self.gave_way = True
                    await self.connection.cancel_safe()
                    return

    async def _ask(self, statement: LiteralString, *values: object) -> bool:
        row = await (await self.connection.execute(statement, values)).fetchone()
        return bool(row and row[0])

    def _about(self, what: str, **more: object) -> dict[str, dict[str, object]]:
        return fields(action=f"vector_index_{what}", repository_id=self.repository_id, **more)
