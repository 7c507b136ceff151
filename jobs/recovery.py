"""What a worker does beside its work: showing that it lives, and taking over from those that don't.

It runs on the worker's event loop, never as a queued job: full slots must not delay it.
"""

import asyncio
import logging
import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
from procrastinate.worker import Worker

from indexer.embedding import EmbedderError, open_embedder
from jobs.claims import TOKENS_IN_HAND
from jobs.database import connect, conninfo
from jobs.logs import fields, log_as_json
from jobs.schema import ensure_current
from jobs.settings import Settings

TICK_SECONDS = 0.25
HEAL_SECONDS = 2.0
LONGEST_WAIT_SECONDS = 5.0  # between two tries to reach the database again
TAKE_LOCK = "select pg_try_advisory_lock(pgdex.worker_lock_class(), (%(id)s %% 2147483648)::integer)"

logger = logging.getLogger("pgdex.worker")


async def run_worker(worker: Worker, settings: Settings) -> None:
    """Run `worker` to its end, with its liveness beside it. Raises SchemaBehind, DatabaseUnavailable."""
    log_as_json()
    await asyncio.to_thread(_require_schema, settings)
    loop = asyncio.get_running_loop()
    # Tasks are synchronous and run in threads; asyncio's default would stop at a handful on a small machine.
    loop.set_default_executor(ThreadPoolExecutor(max_workers=worker.concurrency + 4))
    beside = asyncio.create_task(_stay_alive(worker, settings), name="liveness")
    try:
        await worker.run()
    finally:
        beside.cancel()
        await asyncio.gather(beside, return_exceptions=True)


def _require_schema(settings: Settings) -> None:
    with connect(settings) as connection:
        ensure_current(connection, settings)


async def _stay_alive(worker: Worker, settings: Settings) -> None:
    """Hold a session while the worker runs; when it breaks, wait with a growing delay and start a new one."""
    delay = 0.1
    while True:
        try:
            if worker.worker_id is None:  # registered by worker.run() within milliseconds
                await asyncio.sleep(0.01)
                continue
            where = conninfo(settings, application=f"pgdex worker {worker.worker_id}")
            async with await psycopg.AsyncConnection.connect(where, autocommit=True) as session:
                await _introduce(session, worker.worker_id, settings)
                delay = 0.1
                await _watch(session, worker, settings)
        except psycopg.Error as error:
            logger.warning(
                "the session that shows the worker's life broke: %s",
                error,
                extra=fields(action="liveness_broken", worker_id=worker.worker_id),
            )
            await asyncio.sleep(delay)
            delay = min(delay * 2, LONGEST_WAIT_SECONDS)


async def _introduce(session: psycopg.AsyncConnection, worker_id: int, settings: Settings) -> None:
    """Take the session lock, and tell the peers that it can be relied on."""
    cursor = await session.execute(TAKE_LOCK, {"id": worker_id})
    row = await cursor.fetchone()
    await session.execute(
        "select pgdex.register_worker(%s, %s, %s, %s)",
        [worker_id, socket.gethostname(), os.getpid(), bool(row and row[0])],
    )
    if settings.max_concurrent_jobs is not None:
        await session.execute(
            "select pgdex.set_setting('max_concurrent_jobs', %s)",
            [str(settings.max_concurrent_jobs)],
        )


async def _watch(session: psycopg.AsyncConnection, worker: Worker, settings: Settings) -> None:
    """Tick until the session breaks or the worker was struck off; then give it a new number and return."""
    worker_id = worker.worker_id
    healed_at = 0.0
    forgotten: set[int] = set()
    while True:
        if _is_orphaned():
            worker.stop()  # says so once; the ticks go on until the batches in hand are done
        cursor = await session.execute("select pgdex.tick(%s)", [worker_id])
        row = await cursor.fetchone()
        if row is None or not row[0]:
            logger.warning("taken for dead: registering anew", extra=fields(action="struck_off", worker_id=worker_id))
            worker.worker_id = await worker.app.job_manager.register_worker()
            return
        if time.monotonic() - healed_at >= HEAL_SECONDS:
            forgotten = await _drop_forgotten(session, worker_id, suspects=forgotten)
            await session.execute("select pgdex.heal_batches()")
            healed_at = time.monotonic()
            await _probe(session, settings)
        await asyncio.sleep(TICK_SECONDS)


async def _drop_forgotten(session: psycopg.AsyncConnection, worker_id: int | None, *, suspects: set[int]) -> set[int]:
    """Give up tokens that the database notes as ours and no task of ours works on; returns the next suspects.

    A token is suspect at first: it may have been fetched a moment ago. Suspect twice, it is forgotten.
    """
    cursor = await session.execute(
        "select id from pgdex.procrastinate_jobs where worker_id = %s and status = 'doing'", [worker_id]
    )
    idle = {row[0] for row in await cursor.fetchall()} - TOKENS_IN_HAND
    if lost := idle & suspects:
        await session.execute("select pgdex.drop_tokens(%s, %s)", [worker_id, list(lost)])
    return idle - lost


def _is_orphaned() -> bool:
    """Whether the supervisor that started this process is gone; nobody would stop the worker then."""
    supervisor = os.environ.get("PGDEX_SUPERVISOR_PID")
    return supervisor is not None and str(os.getppid()) != supervisor


async def _probe(session: psycopg.AsyncConnection, settings: Settings) -> None:
    """Ask the embedding service of one blocked job whether it answers again."""
    cursor = await session.execute("select * from pgdex.claim_probe()")
    row = await cursor.fetchone()
    if row is None:
        return
    job_id, embedder, blocked_seconds = row
    try:
        await asyncio.to_thread(_probe_embedder, embedder, settings)
    except EmbedderError as error:
        if blocked_seconds >= settings.blocked_timeout:
            message = f"gave up after {blocked_seconds:.0f} s of waiting: {error}"
            await session.execute("select pgdex.fail_job(%s, %s, %s)", [job_id, message, type(error).__name__])
        return
    await session.execute("select pgdex.resume_job(%s)", [job_id])


def _probe_embedder(spec: str, settings: Settings) -> None:
    embedder = open_embedder(
        spec,
        url=settings.embedder_url,
        api_key=settings.api_key,
        dimension=settings.embedder_dimension,
        timeout_seconds=min(settings.embedder_timeout, 10),
    )
    try:
        embedder.probe()
    finally:
        embedder.close()
