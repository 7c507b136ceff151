"""Taking a batch in hand, doing it, and saying what happened: the part that scan, index and finish share."""

import logging
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from procrastinate import JobContext
from procrastinate.exceptions import JobAborted
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from indexer.embedding import EmbedderError, EmbedderUnavailable, EmbeddingAborted
from indexer.sources import RootUnavailable, WalkAborted
from jobs.care import DEATHS_BEFORE_NOTES
from jobs.database import Connection
from jobs.errors import InvalidRequest, PgdexError
from jobs.logs import fields
from jobs.outages import LIMIT_TRIES, Meaning, full_message, limit_message, meaning_of
from jobs.pools import POOLS
from jobs.repository_path import checked_root
from jobs.settings import Settings, settings

STALE = "PX003"
FOLDER_EMPTIED = "PX006"

# The tokens whose tasks run in this process now; recovery.py compares them with what the database thinks.
TOKENS_IN_HAND: set[int] = set()
# How often a batch was ended in this process for taking too long.
_LIMITED: Counter[tuple[UUID, int]] = Counter()
MOST_REMEMBERED = 1000

logger = logging.getLogger("pgdex.worker")


@dataclass(frozen=True, slots=True)
class Claim:
    """One batch that this worker has in hand, under the attempt number that fences it."""

    job_id: UUID
    seq: int
    attempt: int
    repository_id: int
    project_id: str
    repo_path: str
    embed_all: bool
    embedder: str | None
    model_id: int | None
    paths: list[str] | None
    file_ids: list[int] | None
    reclaimed: int
    deaths: dict[str, int]
    aborted: Callable[[], bool] = field(repr=False)
    settings: Settings = field(repr=False)
    pool: "ConnectionPool[Connection]" = field(repr=False)

    def root(self) -> Path:
        """The repository's folder, if this worker may index it. Raises RootUnavailable."""
        try:
            return checked_root(self.repo_path, allowed_roots=self.settings.roots)
        except InvalidRequest as error:
            raise RootUnavailable(str(error)) from error

    @property
    def is_suspect(self) -> bool:
        """Whether the batch has ended several workers, so that its files have to be taken in hand one by one."""
        return self.reclaimed >= DEATHS_BEFORE_NOTES

    def hold(self, path: str | None) -> None:
        """Note which file is in hand (see `care`). Raises JobAborted where the batch is no longer ours."""
        with self.pool.connection() as connection:
            row = connection.execute(
                "select pgdex.hold_file(%s, %s, %s, %s)", [self.job_id, self.seq, self.attempt, path]
            ).fetchone()
        if row is None or not row[0]:
            raise JobAborted

    def stop_if_aborted(self) -> None:
        """Raise JobAborted where the job was cancelled or the worker is stopping."""
        if self.aborted():
            raise JobAborted

    def report(self, phase: str, *, found: int = 0, chunked: int = 0, embedded: int = 0) -> None:
        """Tell how far the batch is. Raises JobAborted where it is no longer ours.

        Work goes on while the database is away; whether it counts is decided when it is committed.
        """
        try:
            row = self._report(phase, found, chunked, embedded)
        except psycopg.OperationalError as error:
            logger.warning("progress not reported: %s", error, extra=_about(self, "database_away"))
            return
        if row is None or not row[0]:
            raise JobAborted

    def _report(self, phase: str, found: int, chunked: int, embedded: int) -> tuple[Any, ...] | None:
        with self.pool.connection() as connection, connection.transaction():
            # Progress only: a crash of the server may forget the last of it, and no commit waits for the disk.
            connection.execute("set local synchronous_commit = off")
            return connection.execute(
                "select pgdex.report_batch(%s, %s, %s, %s, %s, %s, %s)",
                [self.job_id, self.seq, self.attempt, phase, found, chunked, embedded],
            ).fetchone()


def run_claimed(context: JobContext, *, job_id: str, seq: int, work: Callable[[Claim], None]) -> None:
    """Claim the batch, do `work`, and turn what went wrong into the job's state.

    A stale claim changes nothing. A stopping worker puts its batch back. An embedding service that is away blocks
    the job. Everything else fails it, with the message for users and the traceback.
    """
    token = context.job.id
    assert token is not None, "a fetched job has its id"
    TOKENS_IN_HAND.add(token)
    try:
        _run(context, job_id=job_id, seq=seq, work=work)
    finally:
        TOKENS_IN_HAND.discard(token)


def _run(context: JobContext, *, job_id: str, seq: int, work: Callable[[Claim], None]) -> None:
    worker_id = context.job.worker_id
    assert worker_id is not None, "procrastinate fetches jobs for a registered worker"
    with POOLS.of(worker_id) as pool:
        claim = _claim(context, pool, job_id=job_id, seq=seq, worker_id=worker_id)
        if claim is not None:
            _do(claim, work)


def _do(claim: Claim, work: Callable[[Claim], None]) -> None:
    try:
        work(claim)
        # A large job has thousands of batches; its scan and its finish tell the story.
        logger.log(logging.DEBUG if claim.paths else logging.INFO, "batch done", extra=_about(claim, "batch_done"))
    except (JobAborted, EmbeddingAborted, WalkAborted) as error:
        _put_back(claim)
        raise JobAborted from error
    except EmbedderUnavailable as error:
        _block(claim, error)
    except (EmbedderError, RootUnavailable, PgdexError) as error:
        _fail(claim, str(error), error)
    except psycopg.Error as error:
        _handle_database_error(claim, error)
    except Exception as error:
        _fail(claim, f"Internal error: {type(error).__name__}: {error}", error)


def _claim(
    context: JobContext,
    pool: "ConnectionPool[Connection]",
    *,
    job_id: str,
    seq: int,
    worker_id: int,
) -> Claim | None:
    with pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(
            "select * from pgdex.claim_batch(%s, %s, %s, %s)",
            [job_id, seq, context.job.id, worker_id],
        )
        row = cursor.fetchone()
    if row is None:
        return None
    return Claim(
        job_id=UUID(job_id),
        seq=seq,
        aborted=context.should_abort,
        settings=settings(),
        pool=pool,
        **row,
    )


def _handle_database_error(claim: Claim, error: psycopg.Error) -> None:
    meaning = meaning_of(error)
    if error.sqlstate == STALE:
        logger.warning("the batch was taken over by a peer: nothing written", extra=_about(claim, "batch_stale"))
    elif error.sqlstate == FOLDER_EMPTIED:
        _fail(claim, error.diag.message_primary or str(error), error, name="FolderEmptied")
    elif meaning is Meaning.AWAY:
        raise error  # heal_batches queues the batch again when the database is back
    elif meaning is Meaning.LIMITED and _was_limited_often(claim):
        _fail(claim, limit_message(error), error, name="DatabaseLimit")
    elif meaning in (Meaning.PASSING, Meaning.LIMITED):
        logger.warning("trying the batch again: %s", error, extra=_about(claim, "batch_again"))
        _put_back(claim)
    elif meaning is Meaning.FULL:
        _fail(claim, full_message(error), error, name="DatabaseFull")
    else:
        _fail(claim, f"The database refused: {error}".strip(), error)


def _was_limited_often(claim: Claim) -> bool:
    """Whether this batch took too long time and again, in the eyes of the database, so that another try is no use."""
    if len(_LIMITED) > MOST_REMEMBERED:
        _LIMITED.clear()
    batch = (claim.job_id, claim.seq)
    _LIMITED[batch] += 1
    return _LIMITED[batch] >= LIMIT_TRIES


def _put_back(claim: Claim) -> None:
    with claim.pool.connection() as connection:
        connection.execute("select pgdex.release_batch(%s, %s, %s)", [claim.job_id, claim.seq, claim.attempt])


def _block(claim: Claim, error: EmbedderUnavailable) -> None:
    logger.warning("waiting for the embedding service", extra=_about(claim, "job_blocked", reason=str(error)))
    with claim.pool.connection() as connection, connection.transaction():
        # The batch first: a worker that lost it to a peer has no say about the job any more.
        ours = connection.execute(
            "select pgdex.release_batch(%s, %s, %s)", [claim.job_id, claim.seq, claim.attempt]
        ).fetchone()
        if ours and ours[0]:
            connection.execute(
                "select pgdex.block_job(%s, %s, %s)",
                [
                    claim.job_id,
                    storable(str(error)),
                    min(error.retry_after_seconds or 0.0, claim.settings.blocked_timeout),
                ],
            )


def _fail(claim: Claim, message: str, error: BaseException, *, name: str | None = None) -> None:
    logger.error(message, exc_info=error, extra=_about(claim, "job_failed", error_type=name or type(error).__name__))
    with claim.pool.connection() as connection:
        connection.execute(
            "select pgdex.fail_batch(%s, %s, %s, %s, %s, %s)",
            [
                claim.job_id,
                claim.seq,
                claim.attempt,
                storable(message),
                name or type(error).__name__,
                storable("".join(traceback.format_exception(error))),
            ],
        )


def storable(text: str) -> str:
    """Text that PostgreSQL takes: errors quote file names and contents, and those may hold anything."""
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()


def _about(claim: Claim, action: str, **more: object) -> dict[str, dict[str, object]]:
    """What each log line says of the batch that it is about."""
    return fields(
        action=action,
        job_id=claim.job_id,
        repo_path=claim.repo_path,
        batch=claim.seq,
        attempt=claim.attempt,
        files=len(claim.paths) if claim.paths else None,
        **more,
    )
