"""Asking an embedding service that was away whether it answers again, one probe at a time in the whole cluster."""

import asyncio
import logging
from collections.abc import Callable
from uuid import UUID

import psycopg

from indexer.embedding import EmbedderError, EmbedderUnavailable, EmbeddingAborted, open_embedder
from jobs.logs import fields
from jobs.settings import Settings

PROBE_SECONDS = 10.0  # claim_probes gives twelve

logger = logging.getLogger("pgdex.worker")


async def probe_one(session: psycopg.AsyncConnection, settings: Settings, *, aborted: Callable[[], bool]) -> None:
    """Ask the service whose next try is due, if there is one; let the jobs that wait for it go on, or give them up
    when it is time to. Stops within 0.1 s of `aborted` turning true."""
    cursor = await session.execute("select * from pgdex.claim_probes()")
    blocked: list[tuple[UUID, str | None, float]] = await cursor.fetchall()
    if not blocked:
        return
    embedder = blocked[0][1] or settings.embedder
    try:
        await asyncio.to_thread(_probe, embedder, settings, aborted)
    except EmbedderUnavailable as error:
        for job_id, _, seconds in blocked:
            await _wait_on(session, job_id, error, seconds=seconds, settings=settings)
        return
    except EmbedderError as error:
        # It answers, but with nonsense or a refusal: the jobs go on and say so when they fail.
        logger.warning("the embedding service answers again: %s", error, extra=fields(action="probe_refused"))
    except EmbeddingAborted:
        return
    except Exception:
        logger.exception("the probe itself failed", extra=fields(action="probe_failed", embedder=embedder))
        return
    for job_id, _, _ in blocked:
        await session.execute("select pgdex.resume_job(%s)", [job_id])


async def _wait_on(
    session: psycopg.AsyncConnection, job_id: UUID, error: EmbedderUnavailable, *, seconds: float, settings: Settings
) -> None:
    left = settings.blocked_timeout - seconds
    if left <= 0:
        message = f"gave up after {seconds:.0f} s of waiting: {error}"
        await session.execute("select pgdex.fail_job(%s, %s, %s)", [job_id, message, type(error).__name__])
    else:
        # Not asked again before the job is given up, it would be given up late.
        retry_after = min(error.retry_after_seconds or 0.0, left)
        await session.execute("select pgdex.probe_failed(%s, %s)", [job_id, retry_after])


def _probe(spec: str, settings: Settings, aborted: Callable[[], bool]) -> None:
    embedder = open_embedder(
        spec,
        url=settings.embedder_url,
        api_key=settings.api_key,
        dimension=settings.embedder_dimension,
        timeout_seconds=min(settings.embedder_timeout, PROBE_SECONDS),
    )
    try:
        embedder.probe(aborted=aborted)
    finally:
        embedder.close()
