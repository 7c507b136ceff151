"""A worker reduced to the SQL that it sends: for tests of the job machine that need no process and no files."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple
from uuid import UUID

from pgdex.jobs.database.connection import Connection

FOUND_FILES = """
    create temporary table if not exists found_files (
        path text collate "C" not null, size bigint, mtime_ns bigint, ctime_ns bigint, inode bigint, blob_id bytea,
        skip_reason text, skip_detail text
    )
"""
# Real workers watch each other by what they see on their own clocks (jobs/worker/peers.py); here it is written on them.
ALIVE, DEAD, LOCKLESS = "alive", "dead", "without its lock"
MODEL = "test-model"
DIMENSION = 4


class Found(NamedTuple):
    """What a walk says of one file."""

    path: str
    size: int = 10
    mtime_ns: int = 1
    skip_reason: str | None = None
    skip_detail: str | None = None


@dataclass(frozen=True, slots=True)
class WakeUp:
    """A fetched procrastinate job."""

    id: int
    job_id: UUID
    seq: int
    worker_id: int


@dataclass(frozen=True, slots=True)
class Claim:
    """A batch in progress."""

    wake_up: WakeUp
    attempt: int
    repository_id: int
    view_id: int
    embed_all: bool
    embedder: str | None
    paths: list[str]
    reclaimed: int = 0
    crash_counts: dict[str, int] = field(default_factory=dict)
    model_id: int | None = None

    @property
    def key(self) -> tuple[UUID, int, int]:
        """Job, batch and attempt: what every commit names."""
        return (self.wake_up.job_id, self.wake_up.seq, self.attempt)


def tree(count: int, *, size: int = 10) -> list[Found]:
    """So many files."""
    return [Found(f"file{number:05}.py", size) for number in range(count)]


def enqueue(connection: Connection, repo_path: str = "/repo", *, then_admit: bool = True, **arguments: object) -> UUID:
    """pgdex.enqueue_job with named arguments, and the admission that the next tick of a worker would be; `then_admit`
    says whether there is one."""
    named = "".join(f", {name} => %({name})s" for name in arguments)
    row = connection.execute(
        f"select pgdex.enqueue_job(%(repo_path)s{named})", {"repo_path": repo_path, **arguments}
    ).fetchone()
    assert row is not None
    if then_admit:
        connection.execute("select pgdex.admit_jobs()")
    return UUID(str(row[0]))


def reclaim(connection: Connection) -> int:
    """What a peer does that has not seen the hearts of the dead beat for long enough (see SqlWorker.die)."""
    row = connection.execute(
        "select pgdex.reclaim_batches(array_agg(s.id), array_agg(s.beat))"
        " from pgdex.worker_status s where s.hostname in (%s, %s)",
        [DEAD, LOCKLESS],
    ).fetchone()
    assert row is not None
    return int(row[0])


def tick(connection: Connection, worker_id: int) -> bool:
    """A tick of a worker that also takes over from the dead; false where it was evicted itself."""
    connection.execute(
        "update pgdex.workers set hostname = %s where id = %s and hostname = %s", [ALIVE, worker_id, DEAD]
    )
    row = connection.execute("select pgdex.tick(%s)", [worker_id]).fetchone()
    assert row is not None
    if row[0]:
        reclaim(connection)
    return bool(row[0])


class SqlWorker:
    """One registered worker; its heart beats only when a test says so."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        row = connection.execute("select worker_id from procrastinate_register_worker_v1()").fetchone()
        assert row is not None
        self.id = int(row[0])
        self.register(session_lock=False)

    def register(self, *, session_lock: bool) -> None:
        """Make itself known. With `session_lock` it says that it holds one, which it doesn't: it looks dead."""
        self.connection.execute("select pgdex.register_worker(%s, %s, 1, %s)", [self.id, ALIVE, session_lock])

    def fetch(self) -> WakeUp | None:
        """The next job of the queue, as procrastinate fetches it."""
        row = self.connection.execute(
            "select id, args from pgdex.fetch_wake_up(array['pgdex'], %s)", [self.id]
        ).fetchone()
        if row is None or row[0] is None:
            return None
        return WakeUp(row[0], UUID(row[1]["job_id"]), row[1]["seq"], self.id)

    def claim(self, wake_up: WakeUp) -> Claim | None:
        """The batch of a wake-up, if there is something to do."""
        row = self.connection.execute(
            "select attempt, repository_id, view_id, embed_all, embedder, paths, reclaimed, crash_counts, model_id"
            " from pgdex.claim_batch(%s, %s, %s, %s)",
            [wake_up.job_id, wake_up.seq, wake_up.id, wake_up.worker_id],
        ).fetchone()
        if row is None:
            return None
        attempt, repository_id, view_id, embed_all, embedder, paths, reclaimed, crash_counts, model_id = row
        return Claim(
            wake_up,
            attempt,
            repository_id,
            view_id,
            embed_all,
            embedder,
            paths or [],
            reclaimed,
            crash_counts,
            model_id,
        )

    def take(self) -> Claim:
        """Fetch and claim what is next; there must be something."""
        wake_up = self.fetch()
        assert wake_up is not None, "the queue is empty"
        claim = self.claim(wake_up)
        assert claim is not None, f"batch {wake_up.seq} of job {wake_up.job_id} can't be claimed"
        return claim

    def join(
        self,
        claim: Claim,
        identity: str,
        *,
        kind: str = "worktree",
        is_main: bool = False,
        branch: str | None = None,
        commit_id: str | None = None,
    ) -> Claim:
        """Say which family the tree of a scan belongs to; returns the claim with the repository that it has now."""
        job_id, _, attempt = claim.key
        row = self.connection.execute(
            "select repository_id, embedder from pgdex.join_family(%s, %s, %s, %s, %s, %s, %s)",
            [job_id, attempt, identity, kind, is_main, branch, commit_id],
        ).fetchone()
        assert row is not None
        return replace(claim, repository_id=row[0], embedder=row[1])

    def plan(
        self,
        claim: Claim,
        files: Sequence[Found],
        *,
        batch_files: int = 2,
        batch_bytes: int = 1 << 20,
        model: str = MODEL,
        dimension: int = DIMENSION,
    ) -> None:
        """End a scan that found `files`."""
        self.connection.execute(FOUND_FILES)
        self.connection.execute("truncate pg_temp.found_files")
        self.connection.cursor().executemany(
            "insert into pg_temp.found_files (path, size, mtime_ns, skip_reason, skip_detail)"
            " values (%s, %s, %s, %s, %s)",
            files,
        )
        job_id, _, attempt = claim.key
        with self.connection.transaction():
            self.connection.execute("select pgdex.ensure_chunk_partition(%s)", [claim.repository_id])
            self.connection.execute(
                "select pgdex.plan_job(%s, %s, %s, %s, %s, %s, 0.25, 2::smallint)",
                [job_id, attempt, model, dimension, batch_files, batch_bytes],
            )

    def report(self, claim: Claim, phase: str, *, found: int = 0, chunked: int = 0, embedded: int = 0) -> bool:
        """Say how far a batch is; false where it is no longer ours."""
        row = self.connection.execute(
            "select pgdex.report_batch(%s, %s, %s, %s, %s, %s, %s)",
            [*claim.key, phase, found, chunked, embedded],
        ).fetchone()
        return bool(row and row[0])

    def complete(
        self,
        claim: Claim,
        *,
        found: Sequence[Found] | None = None,
        skipped: int = 0,
        unchanged: int = 0,
        also_counted: int = 0,
    ) -> None:
        """Commit a batch of files: the first `skipped` of them as skipped, the next as unchanged, the others as
        indexed with one chunk each. `also_counted` files are reported that the batch does not have."""
        files = [Found(path) for path in claim.paths] if found is None else found
        written = [*files[:skipped], *files[skipped + unchanged :]]
        reasons = ["binary"] * skipped + [None] * (len(files) - skipped - unchanged)
        indexed = len(files) - skipped - unchanged
        with self.connection.transaction():
            row = self.connection.execute("select pgdex.lock_chunk_table(%s)", [claim.repository_id]).fetchone()
            table = row[0] if row else None
            self.connection.execute(
                "with written as (select * from unnest(%(paths)s::text[], %(sizes)s::bigint[], %(mtimes)s::bigint[],"
                " %(hashes)s::bytea[], %(reasons)s::text[]) as u (path, size, mtime_ns, hash, reason)),"
                " stored as (select s.*, w.size, w.mtime_ns, w.reason from pgdex.store_versions(%(repository)s,"
                " %(paths)s::text[], array_fill(null::text, array[%(n)s]), %(sizes)s::bigint[], %(hashes)s::bytea[],"
                " array_fill(null::bytea, array[%(n)s]), %(chunks)s::int[], %(reasons)s::text[],"
                " array_fill(null::text, array[%(n)s]), %(model)s::smallint, 2::smallint, %(force)s) s"
                " join written w using (path)),"
                f" copied as (insert into pgdex.{table}"
                " (repository_id, version_id, ordinal, start_line, end_line, kind, content, lexemes)"
                " select %(repository)s, s.id, 0, 1, 1, 'text', s.path, '{}' from stored s"
                " where s.is_written and s.reason is null)"
                " select pgdex.set_view_files(%(view)s, array_agg(path), array_agg(id), array_agg(size),"
                " array_agg(mtime_ns), array_agg(null::bigint), array_agg(null::bigint), array_agg(reason),"
                " array_agg(null::text)) from stored having count(*) > 0",
                {
                    "repository": claim.repository_id,
                    "view": claim.view_id,
                    "force": claim.embed_all,
                    "n": len(written),
                    "paths": [file.path for file in written],
                    "sizes": [file.size for file in written],
                    "mtimes": [file.mtime_ns for file in written],
                    "hashes": [f"{file.mtime_ns}".encode() for file in written],
                    "chunks": [0 if reason else 1 for reason in reasons],
                    "reasons": reasons,
                    "model": claim.model_id,
                },
            )
            self.connection.execute(
                "select pgdex.complete_batch(%s, %s, %s, %s, %s, %s, %s, %s)",
                [
                    *claim.key,
                    indexed + also_counted,
                    skipped,
                    unchanged,
                    indexed,
                    json.dumps({"reading": 0.1, "chunking": 0.2, "embedding": 0.3, "writing": 0.4}),
                ],
            )

    def finish(self, claim: Claim) -> None:
        """Complete the job."""
        self.connection.execute("select pgdex.complete_job(%s, %s, %s, %s)", [*claim.key, '{"finishing": 0.5}'])

    def is_finish(self, claim: Claim) -> bool:
        """Whether the batch is the last one of its job: then its paths are those of files that are gone."""
        job_id, seq, _ = claim.key
        row = self.connection.execute(
            "select kind = 'finish' from pgdex.job_batches where job_id = %s and seq = %s", [job_id, seq]
        ).fetchone()
        return bool(row and row[0])

    def release(self, claim: Claim) -> bool:
        """Put a batch back; false where it is no longer ours."""
        row = self.connection.execute("select pgdex.release_batch(%s, %s, %s)", [*claim.key]).fetchone()
        return bool(row and row[0])

    def drop(self, wake_up: WakeUp) -> None:
        """What procrastinate does with a wake-up when its task has ended."""
        self.connection.execute("delete from procrastinate_jobs where id = %s", [wake_up.id])

    def work(self, files: Sequence[Found], *, batch_files: int = 2) -> Claim | None:
        """Take what is next and do it; None where the queue is empty."""
        wake_up = self.fetch()
        if wake_up is None:
            return None
        claim = self.claim(wake_up)
        if claim is not None:
            if wake_up.seq == 0:
                self.plan(claim, files, batch_files=batch_files)
            elif not self.is_finish(claim):
                self.complete(claim, found=[file for file in files if file.path in claim.paths])
            else:
                self.finish(claim)
        self.drop(wake_up)
        return claim

    def work_all(self, files: Sequence[Found]) -> None:
        """Do everything that is queued."""
        while self.work(files) is not None:
            pass

    def lose_lock(self) -> None:
        """Say that it holds a session lock, which it doesn't, and let its heart be silent for long enough."""
        self.register(session_lock=True)
        self._becomes(LOCKLESS, silent="2 seconds")

    def die(self) -> None:
        """Stop the heart: the next look of a peer strikes this worker off."""
        self._becomes(DEAD, silent="1 hour")

    def _becomes(self, state: str, *, silent: str) -> None:
        self.connection.execute(
            "update pgdex.workers set hostname = %s, beat_at = clock_timestamp() - %s::interval where id = %s",
            [state, silent, self.id],
        )
