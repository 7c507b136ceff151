"""Removing what nobody needs any more (the history of jobs that ended long ago, versions that no view holds): when a
worker starts, and once a day."""

import asyncio
import logging
from typing import LiteralString

import psycopg

from pgdex.jobs.database.connection import connect_async
from pgdex.jobs.errors import DatabaseUnavailable
from pgdex.jobs.logging import fields
from pgdex.jobs.settings import Settings

PERIOD_SECONDS = 24 * 3600.0
PAUSE_SECONDS = 0.2  # between two portions, so that a long history does not keep others from the disk
TRY_AGAIN_SECONDS = 60.0
REMOVE_JOBS = "select pgdex.remove_old_jobs(make_interval(secs => %(seconds)s))"
CLAIM_SWEEP = "select pgdex.claim_sweep()"
SWEEP = "select pgdex.sweep_versions(%s)"
REMOVE_VERSIONS = "select pgdex.remove_unused_versions(make_interval(secs => %(seconds)s))"

logger = logging.getLogger("pgdex.worker")


async def keep_history_short(settings: Settings) -> None:
    """Remove old jobs now and every 24 hours, on a connection of its own. Runs until it is cancelled."""
    while True:
        try:
            removed = await remove_old_jobs(settings)
        except (psycopg.Error, DatabaseUnavailable) as error:
            about = fields(action="retention_failed")
            logger.warning("old jobs not removed, trying again in a minute: %s", error, extra=about)
            await asyncio.sleep(TRY_AGAIN_SECONDS)
            continue
        if removed:
            logger.info("removed old jobs", extra=fields(action="old_jobs_removed", jobs=removed))
        await asyncio.sleep(PERIOD_SECONDS)


async def remove_old_jobs(settings: Settings) -> int:
    """Remove jobs that ended more than PGDEX_RETENTION_DAYS ago, and versions that no view has held for
    PGDEX_VERSION_RETENTION_DAYS, in portions; returns how many jobs. Raises psycopg.Error."""
    removed = 0
    async with await connect_async(settings, application="pgdex retention") as connection:
        while portion := await _portion(connection, REMOVE_JOBS, settings.retention_days * 86_400):
            removed += portion
            await asyncio.sleep(PAUSE_SECONDS)
        while (row := await (await connection.execute(CLAIM_SWEEP)).fetchone()) and row[0] is not None:
            await connection.execute(SWEEP, [row[0]])
            await asyncio.sleep(PAUSE_SECONDS)
        while await _portion(connection, REMOVE_VERSIONS, settings.version_retention_days * 86_400):
            await asyncio.sleep(PAUSE_SECONDS)
    return removed


async def _portion(connection: psycopg.AsyncConnection, statement: LiteralString, seconds: float) -> int:
    row = await (await connection.execute(statement, {"seconds": seconds})).fetchone()
    return int(row[0]) if row else 0
