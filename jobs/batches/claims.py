"""Claiming a batch, doing it, and saying what happened: the part that scan, index and finish share."""

import logging
import os
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
from procrastinate import JobContext
from procrastinate.exceptions import JobAborted
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from pgdex.indexer.embedding import EmbedderError, EmbedderUnavailable, EmbeddingAborted
from pgdex.indexer.git import CommitNotFound, EmptyRepository, GitAborted, GitError, NotARepository, RefNotFound
from pgdex.indexer.sources import OpenedRoot, RootUnavailable, WalkAborted, Witness
from pgdex.indexer.storable import storable
from pgdex.jobs.batches.host_and_user import host_and_user
from pgdex.jobs.batches.poison_files import CRASHES_BEFORE_NOTES
from pgdex.jobs.batches.pools import POOLS
from pgdex.jobs.batches.watchdog import folder_in_progress, gone_on
from pgdex.jobs.database.connection import Connection
from pgdex.jobs.database.outages import LIMIT_TRIES, Meaning, full_message, limit_message, meaning_of
from pgdex.jobs.database.schema_watch import is_left_behind
from pgdex.jobs.errors import FolderHangs, InvalidRequest, PgdexError
from pgdex.jobs.logging import fields
from pgdex.jobs.repository_path import is_gone, opened_root
from pgdex.jobs.settings import Settings, settings

STALE = "PX003"
FOLDER_EMPTIED = "PX006"
# What a server says to everybody. Another machine may have a route, a key or a git that this one lacks.
SAME_EVERYWHERE = (EmptyRepository, RefNotFound, CommitNotFound, NotARepository)
# The first worker that was ended in a folder may have met a server that was just starting again.
HANGS_BEFORE_FAILING = 2

# The wake-ups whose tasks run in this process now; heartbeat.py compares them with what the database thinks.
WAKE_UPS_IN_FLIGHT: set[int] = set()
# How often a batch was ended in this process for taking too long.
_LIMITED: Counter[tuple[UUID, int]] = Counter()
MOST_REMEMBERED = 1000

logger = logging.getLogger("pgdex.worker")


@dataclass(frozen=True, slots=True)
class Claim:
    """One batch that this worker has in flight, under the attempt number that fences it."""

    job_id: UUID
    seq: int
    attempt: int
    repository_id: int
    view_id: int
    project_id: str
    root: str
    """The view's folder; or the address or folder of a git repository, where there is a `ref`."""
    ref: str
    """What is indexed of a git repository: HEAD, refs/heads/…, refs/tags/…, a commit's id. Empty: the working files."""
    repo_path: str
    """What people call it."""
    embed_all: bool
    embedder: str | None
    model_id: int | None
    paths: list[str] | None
    """The files of the batch; of a finish, those that are gone."""
    reclaimed: int
    crash_counts: dict[str, int]
    embedder_allowed: bool
    commit_id: str | None
    """The commit of a git source, once the scan has found it."""
    blob_ids: list[bytes] | None
    """Of a git source, what the files of the batch are in that commit, in the order of `paths`."""
    only_paths: list[str] | None
    """What a scan has to look at; None for the whole tree."""
    witness: Witness
    """What the job's scan saw of the folder; for a scan, what the last one did."""
    aborted: Callable[[], bool] = field(repr=False)
    settings: Settings = field(repr=False)
    pool: "ConnectionPool[Connection]" = field(repr=False)

    @contextmanager
    def opened_root(self, *, for_listing: bool = False) -> Iterator[OpenedRoot]:
        """The view's folder, opened, if this worker may index it. Raises RootUnavailable, FolderHangs.

        Unless it is opened for a scan, it has to be the folder that the job's scan saw (NotSeenHere), now and when the
        block ends.
        """
        self.require_answers()
        with self.folder_in_progress():
            try:
                root = opened_root(self.root, allowed_roots=self.settings.roots, for_listing=for_listing)
            except InvalidRequest as error:
                raise RootUnavailable(str(error)) from error
        with root:
            if for_listing:
                yield root
                return
            with self.folder_in_progress():
                self.witness.require(root)
            yield root
            with self.folder_in_progress():
                self.witness.require(root)

    def folder_in_progress(self) -> AbstractContextManager[None]:
        """Inside the block this thread asks the file system about the view's folders; the process is ended where that
        never answers."""
        return folder_in_progress(self.root, note=self._note_folder)

    def entered(self, path: bytes) -> None:
        """The folder in progress is this one now, relative to the view's."""
        gone_on(storable(os.path.join(self.root, os.fsdecode(path))))

    def require_answers(self) -> None:
        """Raise FolderHangs where workers had to be ended, again and again, because a folder never answered."""
        for path, hangs in self.crash_counts.items():
            # The paths of files are relative.
            if path.startswith(self.root) and hangs >= HANGS_BEFORE_FAILING:
                raise FolderHangs(
                    f"The folder {path} does not respond: {hangs} workers were stopped because they waited for it "
                    "longer than PGDEX_FILE_TIMEOUT allows. Is a network share or a disk disconnected? Once it is "
                    "back, index again: what was indexed is kept."
                )

    def _note_folder(self, path: str | None) -> None:
        """As `mark_in_progress`, for a thread that must not fail for it: whether the note was made only decides how
        often a folder that hangs is tried."""
        try:
            self.mark_in_progress(path)
        except (JobAborted, psycopg.Error) as error:
            logger.warning("a slow folder was not noted: %s", error, extra=_about(self, "folder_not_noted", path=path))

    def leave_to_others(
        self,
        reason: str,
        *,
        kind: str = "RootUnavailable",
        error: BaseException | None = None,
        fails: bool = True,
        is_missing: bool = False,
    ) -> str:
        """Put the batch back for workers that see the repository, and take no more of this job; the job fails where
        none is left, or with `fails` false this worker goes on. `is_missing`: the folder is gone, as far as this
        machine can tell. What became of it: see leave_batch_to_others."""
        trace = None if error is None else storable("".join(traceback.format_exception(error)))
        with self.pool.connection() as connection:
            row = connection.execute(
                "select pgdex.leave_batch_to_others(%s, %s, %s, %s, %s, %s, %s, %s)",
                [self.job_id, self.seq, self.attempt, storable(reason), kind, trace, fails, is_missing],
            ).fetchone()
        assert row is not None, "a function has a value"
        logger.warning(reason, extra=_about(self, "repository_unseen", error_type=kind, outcome=row[0]))
        return str(row[0])

    @property
    def is_suspect(self) -> bool:
        """Whether the batch has ended several workers, so that its files have to be done one by one."""
        return self.reclaimed >= CRASHES_BEFORE_NOTES

    def mark_in_progress(self, path: str | None) -> None:
        """Note which file is in progress (see `poison_files.py`). Raises JobAborted where the batch is no longer
        ours."""
        with self.pool.connection() as connection:
            row = connection.execute(
                "select pgdex.mark_in_progress(%s, %s, %s, %s)", [self.job_id, self.seq, self.attempt, path]
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

    A stale claim changes nothing. A stopping worker puts its batch back, and one that does not see the repository
    leaves it to those that may. An embedding service that is away blocks the job. Everything else fails it, with the
    message for users and the traceback.
    """
    with in_flight(context):
        _run(context, job_id=job_id, seq=seq, work=work)


@contextmanager
def in_flight(context: JobContext) -> Iterator[None]:
    """This process works on the wake-up in the block: it is not one that was forgotten."""
    wake_up = context.job.id
    assert wake_up is not None, "a fetched job has its id"
    WAKE_UPS_IN_FLIGHT.add(wake_up)
    try:
        yield
    finally:
        WAKE_UPS_IN_FLIGHT.discard(wake_up)


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
    except RootUnavailable as error:
        with claim.folder_in_progress():
            is_missing = is_gone(claim.root, is_local=claim.settings.database_url is None)
        claim.leave_to_others(f"{error} (a worker {host_and_user()} says so)", error=error, is_missing=is_missing)
    except GitAborted as error:
        _put_back(claim)
        raise JobAborted from error
    except _of_indexing("pipeline", "IndexingAborted") as error:
        _put_back(claim)
        raise JobAborted from error
    except GitError as error:
        if isinstance(error, SAME_EVERYWHERE):
            _fail(claim, str(error), error)
        else:
            claim.leave_to_others(str(error), kind=type(error).__name__, error=error)
    except (EmbedderError, PgdexError) + _of_indexing("chunking", "GrammarMissing") as error:  # noqa: RUF005  # mypy takes no * here
        _fail(claim, str(error), error)
    except psycopg.Error as error:
        _handle_database_error(claim, error)
    except _of_indexing("storage", "VersionGone") as error:
        logger.warning("trying the batch again: %s", error, extra=_about(claim, "batch_again"))
        _put_back(claim)
    except Exception as error:
        _require_schema(claim, error)
        _fail(claim, f"Internal error: {type(error).__name__}: {error}", error)


def _of_indexing(module: str, name: str) -> tuple[type[Exception], ...]:
    """An exception of a part of the indexer that only indexing needs; none where that was not loaded, as in a worker
    whose first batch is a scan: with numpy and the grammars it took half of the time until that began."""
    known = getattr(sys.modules.get(f"pgdex.indexer.{module}"), name, None)
    return () if known is None else (known,)


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
        witness=Witness.from_json(row.pop("witness")),
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
        claim.leave_to_others(error.diag.message_primary or str(error), kind="FolderEmptied", error=error)
    elif meaning is Meaning.UNAVAILABLE:
        raise error  # heal_batches queues the batch again when the database is back
    elif meaning is Meaning.LIMITED and _was_limited_often(claim):
        _fail(claim, limit_message(error), error, name="DatabaseLimit")
    elif meaning in (Meaning.TRANSIENT, Meaning.LIMITED):
        logger.warning("trying the batch again: %s", error, extra=_about(claim, "batch_again"))
        _put_back(claim)
    elif meaning is Meaning.RESOURCES_EXHAUSTED:
        _fail(claim, full_message(error), error, name="DatabaseFull")
    else:
        _require_schema(claim, error)
        _fail(claim, f"The database refused: {error}".strip(), error)


def _require_schema(claim: Claim, error: Exception) -> None:
    """Raise `error` where the schema was changed under this worker: that is not an error of the job. The worker ends,
    and workers of the new version take the batch over."""
    with claim.pool.connection() as connection:
        left_behind = is_left_behind(connection)
    if left_behind:
        logger.warning("the schema was changed: nothing written", extra=_about(claim, "schema_changed"))
        raise error


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
    kind = name or type(error).__name__
    with claim.pool.connection() as connection:
        row = connection.execute(
            "select pgdex.fail_batch(%s, %s, %s, %s, %s, %s)",
            [
                claim.job_id,
                claim.seq,
                claim.attempt,
                storable(message),
                kind,
                storable("".join(traceback.format_exception(error))),
            ],
        ).fetchone()
    if row and row[0]:
        logger.error(message, exc_info=error, extra=_about(claim, "job_failed", error_type=kind))
    else:  # cancelled, removed with its repository, or a peer has the batch: what went wrong may be due to that
        about = _about(claim, "batch_stale", error_type=kind)
        logger.warning("the batch does not count any more: nothing written (%s)", message, extra=about)


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
