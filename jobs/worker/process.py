"""The life of one worker process: procrastinate's worker, and what runs beside it."""

import asyncio
import gc
import logging
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module

from procrastinate.exceptions import ConnectorException

from pgdex.jobs.batches.pools import POOLS
from pgdex.jobs.batches.watchdog import end_when_stuck
from pgdex.jobs.client.client import Client
from pgdex.jobs.client.removal import keep_removing
from pgdex.jobs.database.connection import connect
from pgdex.jobs.database.outages import Backoff
from pgdex.jobs.database.roles import WORKER, require
from pgdex.jobs.database.schema_watch import SchemaGone, wait_for_upgrade
from pgdex.jobs.errors import SchemaAhead, SchemaBehind, SchemaInUse
from pgdex.jobs.logging import fields, log_as_json
from pgdex.jobs.settings import Settings
from pgdex.jobs.worker.heartbeat import Liveness
from pgdex.jobs.worker.log_files import follow_worker_log
from pgdex.jobs.worker.retention import keep_history_short
from pgdex.jobs.worker.stoppable import StoppableWorker
from pgdex.jobs.worker.vector_indexes import keep_vector_indexes

logger = logging.getLogger("pgdex.worker")


async def run_worker(worker: StoppableWorker, settings: Settings) -> None:
    """Run `worker` until it is told to stop, with its liveness beside it. Raises DatabaseUnavailable, NotAllowed.

    Ends the process with the code LEFT_BEHIND where the schema is not, or no longer, the one that it works with.
    """
    log_as_json()
    follow_worker_log(settings.home)
    try:
        await asyncio.to_thread(_require_schema, settings)
    except (SchemaAhead, SchemaBehind, SchemaInUse) as error:
        logger.log(logging.ERROR, "%s", error, extra=fields(action="schema_changed"))
        raise SchemaGone from error
    gc.freeze()  # what is there now stays
    loop = asyncio.get_running_loop()
    # Tasks are synchronous and run in threads; asyncio's default would stop at a handful on a small machine.
    loop.set_default_executor(ThreadPoolExecutor(max_workers=worker.concurrency + 4))
    backoff = Backoff()
    while True:
        try:
            await _run_once(worker, settings)
        except ConnectorException as error:
            if worker.was_left_behind:
                raise SchemaGone from error
            if worker.was_stopped:
                return  # it could not say goodbye; its peers will see that it has gone
            logger.warning("starting again: %s", error, extra=fields(action="worker_restarted"))
        else:
            if worker.was_left_behind:
                raise SchemaGone
            return
        await asyncio.sleep(backoff.next())


async def _run_once(worker: StoppableWorker, settings: Settings) -> None:
    worker.worker_id = None
    liveness = Liveness(worker, settings, is_over=lambda: worker.was_stopped)
    beside = [
        asyncio.create_task(liveness.run(), name="liveness"),
        asyncio.create_task(end_when_stuck(limit_seconds=settings.file_timeout), name="stuck files"),
        asyncio.create_task(keep_history_short(settings), name="retention"),
        asyncio.create_task(keep_removing(settings), name="removal"),
        asyncio.create_task(keep_vector_indexes(settings), name="vector indexes"),
    ]
    for task in beside:
        task.add_done_callback(_say_how_it_ended)
    beside.append(asyncio.create_task(_load_what_indexing_needs(worker), name="loading"))
    try:
        await worker.run()
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        await asyncio.to_thread(POOLS.retire_all)


def _say_how_it_ended(task: asyncio.Task[None]) -> None:
    """None of them ends before it is cancelled, unless something is wrong with it."""
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("a task beside the worker ended: %s", task.get_name(), exc_info=error)


async def _load_what_indexing_needs(worker: StoppableWorker) -> None:
    """While the first scan is under way, here or at a peer."""
    while worker.worker_id is None:
        await asyncio.sleep(0.01)
    await asyncio.to_thread(import_module, "pgdex.jobs.batches.index_batch")


def _require_schema(settings: Settings) -> None:
    with connect(settings) as connection:
        wait_for_upgrade(connection)
        client = Client.over(connection, settings)
        require(client.connection, WORKER)
