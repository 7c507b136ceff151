"""pgdex as a whole for a benchmark: a server, an embedding service, worker processes, and what the database knows."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import psycopg

from benchmarks.chaos.server import Server
from pgdex.jobs.database.connection import Connection, connect
from pgdex.jobs.database.schema import upgrade
from pgdex.jobs.settings import Settings
from tests.support.databases import settings_for
from tests.support.embedding_server import EmbeddingServerProcess
from tests.support.preloaded import Process
from tests.support.workers import Workers

T = TypeVar("T")
MODEL = "ollama:test-model"
POLL_SECONDS = 0.01
PATIENCE_SECONDS = 60.0
LOG_CHARACTERS = 10_000
LIVE_JOB = """
    select id, scanned_at is not null and status = 'running' and batches_left >= %s from pgdex.indexing_jobs
    where repo_path = %s and status in ('pending', 'running', 'blocked')
"""
SCANNED = "select scanned_at is not null and status = 'running' from pgdex.indexing_jobs where id = %s"
TOKENS = """
    select count(*) from pgdex.procrastinate_jobs where args ->> 'job_id' = %s and status in ('todo', 'doing')
"""
IN_PROGRESS = """
    select b.job_id, b.seq, b.attempt, b.worker_id from pgdex.job_batches b join pgdex.workers w on w.id = b.worker_id
    where w.pid = %s and b.job_id = %s and b.state = 'running' and b.kind = 'index'
        and clock_timestamp() - b.started_at between interval '0.1 s' and interval '1 s'
"""


class NothingHappened(RuntimeError):
    """A trial did not do what it is there to measure."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch that a worker has in progress."""

    job_id: UUID
    seq: int
    attempt: int
    worker_id: int


@dataclass(slots=True)
class Cluster:
    """A database with pgdex in it, an embedding service, and worker processes that a trial starts and ends."""

    server: Server
    service: EmbeddingServerProcess
    settings: Settings
    folder: Path
    workers: Workers
    connection: Connection = field(init=False)

    def __post_init__(self) -> None:
        self.reconnect()

    def reconnect(self) -> None:
        """A connection that works, after a restart of the server."""
        with suppress(AttributeError, psycopg.Error):
            self.connection.close()
        self.connection = connect(self.settings, application="benchmark")

    def row(self, query: str, *values: object) -> tuple[object, ...] | None:
        """The first row."""
        return self.connection.execute(query.encode(), values).fetchone()

    def value(self, query: str, *values: object) -> object:
        """The first column of the first row; None where there is none."""
        row = self.row(query, *values)
        return row[0] if row else None

    def until(self, look: Callable[[], T | None], *, what: str, seconds: float = PATIENCE_SECONDS) -> T:
        """Look every 10 ms until there is something to see, and return it. NothingHappened after `seconds`."""
        deadline = time.monotonic() + seconds
        while not (seen := look()):
            if time.monotonic() > deadline:
                raise NothingHappened(
                    f"waited {seconds:.0f} s in vain for {what}{self.workers.logs()[-LOG_CHARACTERS:]}"
                )
            time.sleep(POLL_SECONDS)
        return seen

    def until_true(self, query: str, *values: object, what: str, seconds: float = PATIENCE_SECONDS) -> None:
        """As `until`, for a query's value."""
        self.until(lambda: self.value(query, *values), what=what, seconds=seconds)

    def until_status(self, job_id: UUID, *statuses: str, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until the job is in one of the statuses."""
        self.until(lambda: self.status(job_id) in statuses, what=f"a job that is {statuses}", seconds=seconds)

    def until_gone(self, *job_ids: UUID) -> None:
        """Wait until nothing of the jobs is in the queue or in a worker's hand."""
        self.until(lambda: not any(map(self.tokens, job_ids)), what="an empty queue")

    def slow(self, seconds: float) -> None:
        """Each embedding call takes so long from now on; this also ends an outage."""
        self.service.fail("slow", latency_ms=round(seconds * 1000))

    def enqueue(self, tree: Path, *, force: bool = False) -> UUID:
        """Ask for the tree to be indexed; no embedding is tried first, unlike `pgdex index` does it."""
        job_id = self.value(
            "select pgdex.enqueue_job(%s, force => %s, embedder => %s)", str(tree), force, self.settings.embedder
        )
        assert isinstance(job_id, UUID)
        return job_id

    def status(self, job_id: UUID) -> str:
        """The job's status."""
        return str(self.value("select status from pgdex.indexing_jobs where id = %s", job_id))

    def complete(self, tree: Path, *, seconds: float = 180.0) -> None:
        """Index the tree to the end."""
        job_id = self.enqueue(tree)
        self.until_status(job_id, "completed", "failed", "cancelled", seconds=seconds)
        if self.status(job_id) != "completed":
            message = self.value("select error_message from pgdex.indexing_jobs where id = %s", job_id)
            raise NothingHappened(f"the job of {tree} ended as {self.status(job_id)}: {message}")

    def busy_job(self, tree: Path, *, batches: int = 12) -> UUID:
        """A running job of the tree with at least that many batches to go; a new one where the last is nearly
        through."""
        live = self.row(LIVE_JOB, batches, str(tree))
        if live and live[1]:
            return UUID(str(live[0]))
        if live:
            with suppress(psycopg.Error):  # it may have ended in the meantime
                self.value("select pgdex.cancel_job(%s)", live[0])
            self.until_gone(UUID(str(live[0])))
        job_id = self.enqueue(tree, force=True)
        self.until_true(SCANNED, job_id, what="a scanned job")
        return job_id

    def tokens(self, job_id: UUID) -> int:
        """How many entries the job has in procrastinate's queue, waiting or in progress."""
        count = self.value(TOKENS, str(job_id))
        assert isinstance(count, int)
        return count

    def batch_in_flight(self, process: Process, job_id: UUID) -> Batch:
        """Wait until the process took a batch of the job between 0.1 and 1 s ago."""
        row = self.until(
            lambda: self.row(IN_PROGRESS, process.pid, job_id), what=f"a batch in the hand of {process.pid}"
        )
        job, seq, attempt, worker = row
        assert isinstance(job, UUID)
        return Batch(job, int(str(seq)), int(str(attempt)), int(str(worker)))

    def running_processes(self) -> list[Process]:
        """The worker processes that have not ended, oldest first."""
        return [process for process in self.workers.processes if process.poll() is None]

    def fill_up(self, count: int) -> list[Process]:
        """Start what is missing to that many living workers, wait until all are at work, and return them."""
        self.workers.start(max(0, count - len(self.running_processes())))
        running = self.running_processes()
        at_work = "select count(distinct pid) = %s from pgdex.worker_status where alive and pid = any(%s)"
        self.until_true(at_work, count, [process.pid for process in running], what=f"{count} workers at work")
        return running


@contextmanager
def cluster(*, embedder: str = MODEL, batch_files: int = 4, **environment: str) -> Iterator[Cluster]:
    """A cluster with no workers yet; `environment` are PGDEX_ variables of those to come."""
    folder = Path(tempfile.mkdtemp(prefix="pgdex-bench-work-", dir="/tmp"))
    with Server() as server, EmbeddingServerProcess() as service:
        settings = settings_for(server.url, embedder=embedder, embedder_url=service.url)
        upgrade(settings)
        workers = Workers(
            server.url,
            folder,
            {
                "PGDEX_EMBEDDER": embedder,
                "PGDEX_EMBEDDER_URL": service.url,
                "PGDEX_BATCH_FILES": str(batch_files),
                **environment,
            },
            fresh=True,
        )
        made = Cluster(server, service, settings, folder, workers)
        try:
            yield made
        finally:
            workers.stop()
            made.connection.close()
            shutil.rmtree(folder, ignore_errors=True)
