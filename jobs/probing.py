"""Asking an embedding service that was away whether it answers again, one probe at a time in the whole cluster."""

import asyncio
import logging

import psycopg

from indexer.embedding import EmbedderError, open_embedder
from jobs.logs import fields
from jobs.settings import Settings

PROBE_SECONDS = 10.0

logger = logging.getLogger("pgdex.worker")


async def probe_one(session: psycopg.AsyncConnection, settings: Settings) -> None:
    """Take the blocked job whose next try is due, if there is one; let it go on, or give it up when it is time to."""
    cursor = await session.execute("select * from pgdex.claim_probe()")
    row = await cursor.fetchone()
    if row is None:
        return
    job_id, embedder, blocked_seconds = row
    try:
        await asyncio.to_thread(_probe, embedder, settings)
    except EmbedderError as error:
        if blocked_seconds >= settings.blocked_timeout:
            message = f"gave up after {blocked_seconds:.0f} s of waiting: {error}"
            await session.execute("select pgdex.fail_job(%s, %s, %s)", [job_id, message, type(error).__name__])
        return
    except Exception:
        logger.exception("the probe itself failed", extra=fields(action="probe_failed", job_id=job_id))
        return
    await session.execute("select pgdex.resume_job(%s)", [job_id])


def _probe(spec: str, settings: Settings) -> None:
    embedder = open_embedder(
        spec,
        url=settings.embedder_url,
        api_key=settings.api_key,
        dimension=settings.embedder_dimension,
        timeout_seconds=min(settings.embedder_timeout, PROBE_SECONDS),
    )
    try:
        embedder.probe()
    finally:
        embedder.close()
