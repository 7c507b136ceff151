"""What a worker makes of a batch that goes wrong, and that it says nothing about a batch it has lost."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from time import time

import pytest
from procrastinate import JobContext
from procrastinate.exceptions import JobAborted
from procrastinate.jobs import Job

from pgdex.indexer.embedding import EmbedderUnavailable
from pgdex.jobs.app import app
from pgdex.jobs.batches.claims import Claim, run_claimed
from pgdex.jobs.batches.index_batch import index_files
from pgdex.jobs.batches.pools import POOLS
from pgdex.jobs.batches.scan import scan_repository
from pgdex.jobs.database.connection import Connection
from pgdex.jobs.settings import settings
from tests.support.job_checks import status_of, value
from tests.support.sql_worker import SqlWorker, enqueue, tick, tree
from tests.support.trees import python_tree

RunTask = Callable[[SqlWorker, Callable[[Claim], None]], None]


@pytest.fixture
def run_task(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunTask]:
    """Fetches the next wake-up for a worker and runs `run_claimed` with it, as the task would."""
    monkeypatch.setenv("PGDEX_DATABASE_URL", database_url)
    settings.cache_clear()
    workers: set[int] = set()

    def run(worker: SqlWorker, work: Callable[[Claim], None]) -> None:
        wake_up = worker.fetch()
        assert wake_up is not None
        workers.add(worker.id)
        job = Job(
            id=wake_up.id, queue="pgdex", lock=None, queueing_lock=None, task_name="index_batch", worker_id=worker.id
        )
        context = JobContext(app=app, job=job, start_timestamp=time(), abort_reason=lambda: None)
        try:
            run_claimed(context, job_id=str(wake_up.job_id), seq=wake_up.seq, work=work)
        finally:
            worker.drop(wake_up)

    yield run
    for worker_id in workers:
        POOLS.retire(worker_id)
    settings.cache_clear()


def failing(error: BaseException) -> Callable[[Claim], None]:
    """Work that goes wrong."""

    def work(_claim: Claim) -> None:
        raise error

    return work


def test_an_error_fails_the_job_with_its_type_and_traceback(connection: Connection, run_task: RunTask) -> None:
    job_id = enqueue(connection)
    run_task(SqlWorker(connection), failing(ZeroDivisionError("oops")))
    row = connection.execute(
        "select status, error_type, error_message, error_traceback from pgdex.job_status where job_id = %s", [job_id]
    ).fetchone()
    assert row is not None
    assert row[:2] == ("failed", "ZeroDivisionError")
    assert "oops" in row[2]
    assert "Traceback (most recent call last)" in row[3]


@pytest.mark.parametrize("text", ["a\0b", "name \udce9 on disk", "😀" * 10_000], ids=["NUL", "surrogate", "long"])
def test_an_error_with_any_text_in_it_fails_the_job(
    connection: Connection, run_task: RunTask, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A captured log line with a surrogate in it could not be sent to pytest-xdist's main process; nor an exception.
    monkeypatch.setattr(logging.getLogger("pgdex.worker"), "disabled", True)
    job_id = enqueue(connection)
    raised = None
    try:
        run_task(SqlWorker(connection), failing(ValueError(text)))
    except Exception as error:
        raised = ascii(error)
    assert raised is None
    assert status_of(connection, job_id) == "failed"


def test_a_service_that_is_away_blocks_the_job_and_puts_the_batch_back(
    connection: Connection, run_task: RunTask
) -> None:
    worker = SqlWorker(connection)
    job_id = enqueue(connection)
    worker.work(tree(4))
    run_task(worker, failing(EmbedderUnavailable("nobody answers at http://ollama")))
    assert status_of(connection, job_id) == "blocked"
    assert value(connection, "select count(*) from procrastinate_jobs") == 0
    assert value(connection, "select pgdex.resume_job(%s)", job_id) is True
    tick(connection, worker.id)
    worker.work_all(tree(4))
    assert status_of(connection, job_id) == "completed"


def test_an_aborted_batch_goes_back_to_the_queue(connection: Connection, run_task: RunTask) -> None:
    worker = SqlWorker(connection)
    job_id = enqueue(connection)
    with pytest.raises(JobAborted):
        run_task(worker, failing(JobAborted()))
    worker.work_all(tree(4))
    assert status_of(connection, job_id) == "completed"


@pytest.mark.parametrize(
    "error",
    [EmbedderUnavailable("nobody answers"), ValueError("oops"), JobAborted()],
    ids=lambda error: type(error).__name__,
)
def test_a_worker_that_lost_its_batch_neither_fails_nor_blocks_the_job(
    connection: Connection, run_task: RunTask, error: Exception
) -> None:
    """It was stopped, presumed dead, and wakes up with an error after a peer has done the work."""
    worker, peer = SqlWorker(connection), SqlWorker(connection)
    job_id = enqueue(connection)
    worker.work(tree(2))

    def lose_it(claim: Claim) -> None:
        worker.die()
        tick(connection, peer.id)
        peer.complete(peer.take())
        claim.pool.check()  # its connections were ended; another slot has found that out already
        raise error

    try:
        run_task(worker, lose_it)
    except JobAborted:
        assert isinstance(error, JobAborted)
    assert status_of(connection, job_id) == "running"
    peer.work_all(tree(2))
    assert status_of(connection, job_id) == "completed"


@pytest.mark.parametrize("ended_by", ["remove_repository", "cancel_job"])
def test_what_goes_wrong_because_the_job_has_ended_is_not_said_to_have_failed_it(
    connection: Connection, run_task: RunTask, caplog: pytest.LogCaptureFixture, ended_by: str
) -> None:
    def work(claim: Claim) -> None:
        if ended_by == "cancel_job":
            connection.execute("select pgdex.cancel_job(%s)", [claim.job_id])
        else:
            connection.execute("select pgdex.remove_repository(%s, true)", [claim.repository_id])
        raise OSError("the table is gone")

    enqueue(connection)
    with caplog.at_level(logging.INFO, logger="pgdex.worker"):
        run_task(SqlWorker(connection), work)

    assert [(entry.levelname, entry.__dict__["fields"]["action"]) for entry in caplog.records] == [
        ("WARNING", "batch_stale")
    ]
    assert "the table is gone" in caplog.text


def test_a_repository_without_a_table_fails_its_job_and_no_file_is_blamed(
    connection: Connection, run_task: RunTask, tmp_path: Path
) -> None:
    worker = SqlWorker(connection)
    job_id = enqueue(connection, str(python_tree(tmp_path / "repository", 4)))
    run_task(worker, scan_repository)
    connection.execute("update pgdex.repositories set chunk_table = null")
    run_task(worker, index_files)

    row = connection.execute("select status, error_type from pgdex.job_status where job_id = %s", [job_id]).fetchone()
    assert row == ("failed", "ChunkTableMissing")
    assert value(connection, "select count(*) from pgdex.files where skip_reason is not null") == 0
