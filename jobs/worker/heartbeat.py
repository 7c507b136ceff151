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

from pgdex.jobs.batches.claims import WAKE_UPS_IN_FLIGHT
from pgdex.jobs.batches.pools import POOLS
from pgdex.jobs.database.connection import connect_async
from pgdex.jobs.database.outages import LONGEST_DELAY_SECONDS, Backoff
from pgdex.jobs.database.schema_watch import SCHEMA_LOOK_SECONDS, reason_to_end
from pgdex.jobs.database.sessions import Limits, holds_session
from pgdex.jobs.logging import fields
from pgdex.jobs.settings import Settings
from pgdex.jobs.worker.peers import Peers, Sign, Turn
from pgdex.jobs.worker.probing import Prober
from pgdex.jobs.worker.stoppable import StoppableWorker

TICK_SECONDS = 0.25
SHORTEST_TICK_SECONDS = 0.05  # anyone may send a notification, as often as they like
HEARTBEAT_SECONDS = 0.5
HEAL_SECONDS = 2.0  # in the whole cluster
LOOK_SECONDS = 1.0  # for wake-ups that were forgotten, and for services that may answer again
# What waits for someone's open transaction must not hold up the heartbeat.
LIMITS = Limits(lock="1s")
WAKE_CHANNEL = "pgdex_wake"
COME_BACK_SECONDS = 2 * LONGEST_DELAY_SECONDS  # the time in which every worker is back after an outage
STOPPED_SECONDS = 2.0  # between two ticks: this process did not run, and perhaps no other did
SIGNS = "select id, beat, lock_held from pgdex.worker_status"
HEALING = "select counter from pgdex.cluster_duties where name = 'healing'"
SERVER_UP_SECONDS = "select extract(epoch from clock_timestamp() - pg_postmaster_start_time())::float8"
TAKE_LOCK = "select pg_try_advisory_lock(pgdex.worker_lock_class(), (%(id)s %% 2147483648)::integer)"

logger = logging.getLogger("pgdex.worker")


class Liveness:
    """One worker's sign of life in the database, and its watch over the others."""

    def __init__(self, worker: StoppableWorker, settings: Settings, *, is_over: Callable[[], bool]) -> None:
        """`is_over` says that the worker was told to stop."""
        self._worker = worker
        self._is_over = is_over
        self._settings = settings
        self._forgotten: set[int] = set()
        self._peers = Peers()
        self._healing = Turn(period_seconds=HEAL_SECONDS)
        self._prober = Prober(settings, clock=_now, aborted=is_over)
        self._probe: asyncio.Task[None] | None = None
        self._ticked_at: float | None = None
        self._schema_seen_at = -SCHEMA_LOOK_SECONDS

    async def run(self) -> None:
        """Hold a session while the worker runs; when it breaks, wait with a growing delay and start a new one."""
        while self._worker.worker_id is None:  # worker.run() registers it within milliseconds
            await asyncio.sleep(0.01)
        backoff = Backoff()
        while True:
            try:
                name = f"pgdex worker {self._worker.worker_id}"
                async with await connect_async(self._settings, application=name, limits=LIMITS) as session:
                    if await self._introduce(session):
                        backoff.reset()
                        await self._watch(session)
                    await self._register_again()
            except Exception as error:  # whatever it was: a worker without liveness would be presumed dead
                logger.warning(
                    "the session that shows the worker's life broke: %s",
                    error,
                    extra=fields(action="liveness_broken", worker_id=self._worker.worker_id),
                )
                await asyncio.sleep(backoff.next())

    async def _introduce(self, session: psycopg.AsyncConnection) -> bool:
        """Take the session lock and tell the peers that it can be relied on; false where the worker was evicted."""
        await self._look_at_schema(session)
        worker_id = self._worker.worker_id
        # In transaction mode a pooler would keep the lock: there the heartbeat alone decides.
        locked = holds_session(session) and await _value(session, TAKE_LOCK, {"id": worker_id})
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
        """Tick until the worker was evicted. Raises where the session breaks."""
        if holds_session(session):
            await session.execute(f"listen {WAKE_CHANNEL}")
        beaten_at = looked_at = 0.0
        may_reclaim_from = await self._may_reclaim_from(session)
        self._peers.forget()
        self._ticked_at = _now()
        while True:
            if _now() - self._ticked_at > STOPPED_SECONDS:
                may_reclaim_from = _now() + COME_BACK_SECONDS  # a suspended machine: the others wake up just now too
                self._peers.forget()
            self._ticked_at = now = _now()
            if now - self._schema_seen_at >= SCHEMA_LOOK_SECONDS:
                await self._look_at_schema(session)
            if beats := now - beaten_at >= HEARTBEAT_SECONDS:
                beaten_at = now
            if not await _value(session, "select pgdex.tick(%(id)s, %(beats)s)", self._own() | {"beats": beats}):
                return
            if _is_orphaned():
                self._worker.stop()  # says so once; the ticks go on until the batches in progress are done
            await self._reclaim_from_dead(session, may_reclaim_from)
            healed = await _value(session, HEALING, {})
            if isinstance(healed, int) and self._healing.is_due(healed, now=_now()):
                await session.execute("select pgdex.heal_batches(%s)", [healed])
            if _now() - looked_at >= LOOK_SECONDS:
                looked_at = _now()
                await self._drop_forgotten(session)
                await self._ask_a_service(session)
            await self._pause(session)

    async def _reclaim_from_dead(self, session: psycopg.AsyncConnection, may_reclaim_from: float) -> None:
        """Take over from the peers whose hearts this process has not seen beat for too long."""
        signs = [Sign(*row) for row in await (await session.execute(SIGNS)).fetchall()]
        dead = [sign for sign in self._peers.dead(signs, now=_now()) if sign.worker_id != self._worker.worker_id]
        if dead and _now() >= may_reclaim_from:
            ids, beats = [sign.worker_id for sign in dead], [sign.beat for sign in dead]
            await session.execute("select pgdex.reclaim_batches(%s, %s)", [ids, beats])

    async def _pause(self, session: psycopg.AsyncConnection) -> None:
        """Wait for the next tick, or for someone to say that there may be a job to admit."""
        await asyncio.sleep(SHORTEST_TICK_SECONDS)
        async for _ in session.notifies(timeout=TICK_SECONDS - SHORTEST_TICK_SECONDS, stop_after=1):
            pass
        async for _ in session.notifies(timeout=0):  # a thousand of them are one tick
            pass

    async def _ask_a_service(self, session: psycopg.AsyncConnection) -> None:
        """Whether it answers again, if jobs wait for one: it may take seconds, and the ticks go on meanwhile."""
        if self._probe is not None and not self._probe.done():
            return
        if due := await self._prober.due(session):
            self._probe = asyncio.create_task(self._prober.probe(due), name="probe")

    def _own(self) -> dict[str, object]:
        return {"id": self._worker.worker_id}

    async def _look_at_schema(self, session: psycopg.AsyncConnection) -> None:
        """Before anything of it is called: functions of another version may be gone, or mean something else."""
        self._schema_seen_at = _now()
        if end := await reason_to_end(session):
            self._worker.leave(end)

    async def _may_reclaim_from(self, session: psycopg.AsyncConnection) -> float:
        """When this worker may presume others dead: after an outage not before they have had the time to come back
        too, which is longer after a longer one, since everyone tries less and less often. A new worker may as soon as
        it has seen someone be silent, unless the server itself has just started."""
        if self._ticked_at is not None:
            return _now() + min(COME_BACK_SECONDS, 2 * (_now() - self._ticked_at))
        up_seconds = await _value(session, SERVER_UP_SECONDS, {})
        assert isinstance(up_seconds, float)
        # Its clock may have been set since it started; at worst nobody is presumed dead for four seconds.
        return _now() + min(COME_BACK_SECONDS, max(0.0, COME_BACK_SECONDS - up_seconds))

    async def _register_again(self) -> None:
        """Get a new number: what is in progress under the old one is stale, and belongs to a peer by now."""
        evicted = self._worker.worker_id
        assert evicted is not None
        await asyncio.to_thread(POOLS.retire, evicted)
        self._worker.worker_id = await self._worker.app.job_manager.register_worker()
        logger.warning(
            "presumed dead by a peer: registered again",
            extra=fields(action="evicted", worker_id=evicted, new_worker_id=self._worker.worker_id),
        )

    async def _drop_forgotten(self, session: psycopg.AsyncConnection) -> None:
        """Give up wake-ups that the database notes as ours and no task of ours works on.

        A wake-up is suspect at first: it may have been fetched a moment ago. Suspect twice, it is forgotten.
        """
        mine = self._own()
        cursor = await session.execute(
            "select id from pgdex.procrastinate_jobs where worker_id = %(id)s and status = 'doing'", mine
        )
        idle = {row[0] for row in await cursor.fetchall()} - WAKE_UPS_IN_FLIGHT
        if lost := idle & self._forgotten:
            await session.execute("select pgdex.drop_wake_ups(%(id)s, %(lost)s)", mine | {"lost": list(lost)})
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
