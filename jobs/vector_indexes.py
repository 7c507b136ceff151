"""Vector indexes, built beside the jobs: no job waits for one, and search is exact until there is one."""

import asyncio
import logging
import time

import psycopg

from jobs.database import connect_async
from jobs.errors import DatabaseUnavailable
from jobs.logs import fields
from jobs.settings import Settings

PERIOD_SECONDS = 5.0
WATCH_SECONDS = 0.5  # how long a job that begins meanwhile waits, at most, before the build gives way
TRY_AGAIN_SECONDS = 30.0
APPLICATION = "pgdex vector index"

DUE = "select pgdex.vector_indexes_due(%s)"
BUILD = "select pgdex.build_vector_index(%s, %s)"
IS_LIVE = (
    "select exists (select from pgdex.indexing_jobs"
    " where repository_id = %s and status in ('pending', 'running', 'blocked'))"
)

logger = logging.getLogger("pgdex.worker")


async def keep_vector_indexes(settings: Settings) -> None:
    """Build what is due, look again every few seconds. Runs until it is cancelled."""
    while True:
        try:
            await build_due_indexes(settings)
        except (psycopg.Error, DatabaseUnavailable) as error:
            about = fields(action="vector_index_failed")
            logger.warning("a vector index was not built, trying again: %s", error, extra=about)
            await asyncio.sleep(TRY_AGAIN_SECONDS)
        await asyncio.sleep(PERIOD_SECONDS)


async def build_due_indexes(settings: Settings) -> int:
    """Build the vector indexes that are due and that nobody else builds; returns how many. Raises psycopg.Error."""
    built = 0
    async with await connect_async(settings, application=APPLICATION) as connection:
        due = [row[0] for row in await (await connection.execute(DUE, [settings.exact_search_chunks])).fetchall()]
        for repository_id in due:
            built += await _build(connection, repository_id, settings)
    return built


async def _build(connection: psycopg.AsyncConnection, repository_id: int, settings: Settings) -> bool:
    started = time.perf_counter()
    giving_way = asyncio.create_task(_give_way(connection, repository_id, settings))
    try:
        row = await (await connection.execute(BUILD, [repository_id, settings.exact_search_chunks])).fetchone()
    except psycopg.errors.QueryCanceled:
        about = fields(action="vector_index_put_off", repository_id=repository_id)
        logger.info("a job began: the vector index is built after it", extra=about)
        return False
    finally:
        giving_way.cancel()
        await asyncio.gather(giving_way, return_exceptions=True)
    if row is None or not row[0]:
        return False
    seconds = round(time.perf_counter() - started, 1)
    logger.info(
        "built a vector index", extra=fields(action="vector_index_built", repository_id=repository_id, seconds=seconds)
    )
    return True


async def _give_way(connection: psycopg.AsyncConnection, repository_id: int, settings: Settings) -> None:
    """Cancel the connection's statement when a job of the repository is live: its batches could not be written."""
    async with await connect_async(settings, application=APPLICATION) as watching:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            row = await (await watching.execute(IS_LIVE, [repository_id])).fetchone()
            if row and row[0]:
                await connection.cancel_safe()
                return
