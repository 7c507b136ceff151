"""Asking an embedding service that was away whether it answers again, one probe at a time in the whole cluster.

How long a job has waited, and when its service is to be asked again, goes by this process's own clock: each look notes
which jobs wait under which number (`probe_number` rises with each block and each probe), and a job is due when its
number has been seen for `probe_wait` seconds.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

import psycopg

from pgdex.indexer.embedding import EmbedderError, EmbedderUnavailable, EmbeddingAborted, open_embedder
from pgdex.jobs.database.connection import connect_async
from pgdex.jobs.database.sessions import Limits
from pgdex.jobs.embedders import is_allowed
from pgdex.jobs.errors import DatabaseUnavailable
from pgdex.jobs.logging import fields
from pgdex.jobs.settings import Settings

PROBE_SECONDS = 10.0  # claim_probes gives twelve
BLOCKED = (
    "select id, embedder, embedder_allowed, probe_number, probe_wait from pgdex.indexing_jobs"
    " where status = 'blocked' and not waits_for_admission"
)
LIMITS = Limits(lock="1s")  # what someone has locked is said again by the next probe
PROBE_FAILED = "select pgdex.probe_failed(%s, %s, %s, %s)"

logger = logging.getLogger("pgdex.worker")


class Blocked(NamedTuple):
    """A job that waits for an embedding service; `embedder` is None where it was blocked before it knew its model."""

    job_id: UUID
    embedder: str | None
    embedder_allowed: bool
    number: int
    wait: float


class Due(NamedTuple):
    """A blocked job whose service is to be asked now; how long it has been seen to wait under its present number."""

    job: Blocked
    seconds: float


@dataclass(slots=True)
class _Seen:
    number: int
    since: float


class Watch:
    """Remembers since when each blocked job has been seen under its present number."""

    def __init__(self) -> None:
        self._seen: dict[UUID, _Seen] = {}

    def look(self, jobs: list[Blocked], *, now: float) -> None:
        """Note the jobs that are blocked at `now` (seconds on a clock that never goes back)."""
        seen = {}
        for job in jobs:
            before = self._seen.get(job.job_id)
            seen[job.job_id] = before if before and before.number == job.number else _Seen(job.number, now)
        self._seen = seen

    def seconds(self, job: Blocked, *, now: float) -> float:
        """How long the job has been seen under its present number."""
        return now - self._seen[job.job_id].since

    def due(self, jobs: list[Blocked], *, now: float) -> list[Blocked]:
        """The jobs of the service that has been due for the longest time, or none."""
        late = [(self.seconds(job, now=now) - job.wait, job) for job in jobs]
        latest = max(late, key=lambda pair: pair[0], default=None)
        if latest is None or latest[0] < 0:
            return []
        return [job for job in jobs if job.embedder == latest[1].embedder]


class Prober:
    """One worker's part in it; `clock` gives seconds that never go back."""

    def __init__(self, settings: Settings, *, clock: Callable[[], float], aborted: Callable[[], bool]) -> None:
        self._settings = settings
        self._clock = clock
        self._aborted = aborted
        self._watch = Watch()

    async def due(self, session: psycopg.AsyncConnection) -> list[Due]:
        """The jobs that wait for the service whose next try is due, none where no try is. Waits for no lock."""
        own = self._settings
        jobs = [Blocked(*row) for row in await (await session.execute(BLOCKED)).fetchall()]
        # What this worker may not send anything to is asked by one that may.
        jobs = [job for job in jobs if job.embedder_allowed or is_allowed(job.embedder or own.embedder, own)]
        now = self._clock()
        self._watch.look(jobs, now=now)
        return [Due(job, self._watch.seconds(job, now=now)) for job in self._watch.due(jobs, now=now)]

    async def probe(self, due: list[Due]) -> None:
        """Ask the service; let the jobs that wait for it go on, or give them up when it is time to. Stops within 0.1 s
        of `aborted` turning true. On a connection of its own: a job may be locked, and the worker's heartbeat must not
        wait with it. Never raises for a database that is away: the next look finds the jobs due again."""
        try:
            async with await connect_async(self._settings, application="pgdex probe", limits=LIMITS) as session:
                cursor = await session.execute(
                    "select job_id, seconds from pgdex.claim_probes(%s, %s, %s)",
                    [
                        [one.job.job_id for one in due],
                        [one.job.number for one in due],
                        [one.seconds for one in due],
                    ],
                )
                claimed: dict[UUID, float] = dict(await cursor.fetchall())
                if claimed:
                    await self._probe(session, due[0].job.embedder or self._settings.embedder, claimed)
        except (psycopg.Error, DatabaseUnavailable) as error:
            logger.warning("a probe was not finished: %s", error, extra=fields(action="probe_broken"))

    async def _probe(self, session: psycopg.AsyncConnection, embedder: str, waited: dict[UUID, float]) -> None:
        started = time.monotonic()
        try:
            await asyncio.to_thread(_ask, embedder, self._settings, self._aborted)
        except EmbedderUnavailable as error:
            await self._wait_on(session, waited, error, seconds=time.monotonic() - started)
            return
        except EmbedderError as error:
            # It answers, but with an invalid response or a refusal: the jobs go on and say so when they fail.
            logger.warning("the embedding service answers again: %s", error, extra=fields(action="probe_refused"))
        except EmbeddingAborted:
            return
        except Exception:
            logger.exception("the probe itself failed", extra=fields(action="probe_failed", embedder=embedder))
            return
        for job_id in waited:
            await _if_free(session, "select pgdex.resume_job(%s)", [job_id])

    async def _wait_on(
        self, session: psycopg.AsyncConnection, waited: dict[UUID, float], error: EmbedderUnavailable, *, seconds: float
    ) -> None:
        limit = self._settings.blocked_timeout
        for job_id, before in waited.items():
            if (total := before + seconds) >= limit:
                message = f"gave up after {total:.0f} s of waiting: {error}"
                await _if_free(session, "select pgdex.fail_job(%s, %s, %s)", [job_id, message, type(error).__name__])
        # Not asked again before a job is given up, it would be given up late.
        await _if_free(session, PROBE_FAILED, [list(waited), error.retry_after_seconds or 0.0, seconds, limit])


async def _if_free(session: psycopg.AsyncConnection, statement: str, values: list[object]) -> None:
    """Execute it; where someone has locked the job, the next probe says it again."""
    try:
        await session.execute(statement.encode(), values)
    except psycopg.errors.LockNotAvailable:
        logger.info("a blocked job is locked by someone: trying again", extra=fields(action="probe_put_off"))


def _ask(spec: str, settings: Settings, aborted: Callable[[], bool]) -> None:
    embedder = open_embedder(
        spec,
        url=settings.embedder_url,
        api_key=settings.api_key_for(spec),
        dimension=settings.embedder_dimension,
        timeout_seconds=min(settings.embedder_timeout, PROBE_SECONDS),
    )
    try:
        embedder.probe(aborted=aborted)
    finally:
        embedder.close()
