"""What a worker does beside its work: showing that it lives, and taking over from those that don't.

It runs on the worker's event loop, never as a queued job: full slots must not delay it.
"""

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable

import psycopg
from procrastinate.worker import Worker

from jobs.claims import TOKENS_IN_HAND
from jobs.database import conninfo
from jobs.logs import fields
from jobs.outages import LONGEST_DELAY_SECONDS, Backoff
from jobs.pools import POOLS
from jobs.probing import probe_one
from jobs.settings import Settings

TICK_SECONDS = 0.25
HEAL_SECONDS = 2.0
COME_BACK_SECONDS = 2 * LONGEST_DELAY_SECONDS  # the time in which every worker is back after an outage
STOPPED_SECONDS = 2.0  # between two ticks: this process did not run, and perhaps no other did
SERVER_UP_SECONDS = "select extract(epoch from clock_timestamp() - pg_postmaster_start_time())::float8"
TAKE_LOCK = "select pg_try_advisory_lock(pgdex.worker_lock_class(), (%(id)s %% 2147483648)::integer)"

logger = logging.getLogger("pgdex.worker")


class Liveness:
    """One worker's sign of life in the database, and its watch over the others."""

    def __init__(self, worker: Worker, settings: Settings, *, is_over: Callable[[], bool]) -> None:
        """`is_over` says that the worker was told to stop."""
        self._worker = worker
        self._is_over = is_over
        self._settings = settings
        self._forgotten: set[int] = set()
        self._probe: asyncio.Task[None] | None = None
        self._ticked_at: float | None = None

    async def run(self) -> None:
        """Hold a session while the worker runs; when it breaks, wait with a growing delay and start a new one."""
        while self._worker.worker_id is None:  # worker.run() registers it within milliseconds
            await asyncio.sleep(0.01)
        backoff = Backoff()
        while True:
            try:
                name = f"pgdex worker {self._worker.worker_id}"
                where = await asyncio.to_thread(conninfo, self._settings, application=name)
                async with await psycopg.AsyncConnection.connect(where, autocommit=True) as session:
                    if await self._introduce(session):
                        backoff.reset()
                        await self._watch(session)
                    await self._register_anew()
            except Exception as error:  # whatever it was: a worker without liveness would be taken for dead
                logger.warning(
                    "the session that shows the worker's life broke: %s",
                    error,
                    extra=fields(action="liveness_broken", worker_id=self._worker.worker_id),
                )
                await asyncio.sleep(backoff.next())

    async def _introduce(self, session: psycopg.AsyncConnection) -> bool:
        """Take the session lock and tell the peers that it can be relied on; false where the worker was struck off."""
        worker_id = self._worker.worker_id
        locked = await _value(session, TAKE_LOCK, {"id": worker_id})
        known = await _value(
            session,
            "select pgdex.register_worker(%(id)s, %(host)s, %(pid)s, %(locked)s)",
            {"id": worker_id, "host": socket.gethostname(), "pid": os.getpid(), "locked": locked},
        )
        if self._settings.max_concurrent_jobs is not None:
            most = {"most": str(self._settings.max_concurrent_jobs)}
            await session.execute("select pgdex.set_setting('max_concurrent_jobs', %(most)s)", most)
        return bool(known)

    async def _watch(self, session: psycopg.AsyncConnection) -> None:
        """Tick until the worker was struck off. Raises where the session breaks."""
        healed_at = 0.0
        judges_from = await self._judges_from(session)
        self._ticked_at = _now()
        while True:
            if _now() - self._ticked_at > STOPPED_SECONDS:
                judges_from = _now() + COME_BACK_SECONDS  # a suspended machine: the others wake up just now too
            self._ticked_at = _now()
            tick: dict[str, object] = {"id": self._worker.worker_id, "judges": _now() >= judges_from}
            if not await _value(session, "select pgdex.tick(%(id)s, %(judges)s)", tick):
                return
            if _is_orphaned():
                self._worker.stop()  # says so once; the ticks go on until the batches in hand are done
            if _now() - healed_at >= HEAL_SECONDS:
                healed_at = _now()
                await self._drop_forgotten(session)
                await session.execute("select pgdex.heal_batches()")
                await session.execute("select pgdex.fail_unseen_jobs()")
                if self._probe is None or self._probe.done():  # it may take seconds, and the ticks must go on
                    probe = probe_one(session, self._settings, aborted=self._is_over)
                    self._probe = asyncio.create_task(probe, name="probe")
            await asyncio.sleep(TICK_SECONDS)

    async def _judges_from(self, session: psycopg.AsyncConnection) -> float:
        """When this worker may take others for dead: after an outage not before they have had the time to come back
        too, which is longer after a longer one, since everybody tries less and less often. A new worker may at once,
        unless the server itself has just started."""
        if self._ticked_at is not None:
            return _now() + min(COME_BACK_SECONDS, 2 * (_now() - self._ticked_at))
        up_seconds = await _value(session, SERVER_UP_SECONDS, {})
        assert isinstance(up_seconds, float)
        return _now() + max(0.0, COME_BACK_SECONDS - up_seconds)

    async def _register_anew(self) -> None:
        """Get a new number: what is in hand under the old one is stale, and belongs to a peer by now."""
        struck_off = self._worker.worker_id
        assert struck_off is not None
        await asyncio.to_thread(POOLS.retire, struck_off)
        self._worker.worker_id = await self._worker.app.job_manager.register_worker()
        logger.warning(
            "taken for dead by a peer: registered anew",
            extra=fields(action="struck_off", worker_id=struck_off, new_worker_id=self._worker.worker_id),
        )

    async def _drop_forgotten(self, session: psycopg.AsyncConnection) -> None:
        """Give up tokens that the database notes as ours and no task of ours works on.

        A token is suspect at first: it may have been fetched a moment ago. Suspect twice, it is forgotten.
        """
        mine = {"id": self._worker.worker_id}
        cursor = await session.execute(
            "select id from pgdex.procrastinate_jobs where worker_id = %(id)s and status = 'doing'", mine
        )
        idle = {row[0] for row in await cursor.fetchall()} - TOKENS_IN_HAND
        if lost := idle & self._forgotten:
            await session.execute("select pgdex.drop_tokens(%(id)s, %(lost)s)", mine | {"lost": list(lost)})
        self._forgotten = idle - lost


async def _value(session: psycopg.AsyncConnection, query: str, values: dict[str, object]) -> object:
    """The first column of the first row."""
    cursor = await session.execute(query.encode(), values)
    row = await cursor.fetchone()
    return row[0] if row else None


def _now() -> float:
    """Seconds on a clock that goes on while the machine is suspended, where the system has one."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


def _is_orphaned() -> bool:
    """Whether the supervisor that started this process is gone; nobody would stop the worker then."""
    supervisor = os.environ.get("PGDEX_SUPERVISOR_PID")
    return supervisor is not None and str(os.getppid()) != supervisor
