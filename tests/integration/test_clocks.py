"""A server's clock that is set, forward or back, ends no job, hides no dead worker and kills no living one."""

from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest
from psycopg.rows import dict_row

from pgdex.jobs.client.client import Client
from pgdex.jobs.client.workers import living_workers
from pgdex.jobs.database.connection import Connection
from tests.support.clocks import set_clock
from tests.support.embedding_server import EmbeddingServer
from tests.support.job_checks import events_of, job_in, value
from tests.support.sql_worker import SqlWorker, enqueue, reclaim, tick, tree
from tests.support.trees import python_tree
from tests.support.waiting import wait_for, wait_for_end
from tests.support.workers import Workers

JUMPS = [timedelta(hours=-4), timedelta(hours=4), timedelta(days=40), timedelta(days=-40), timedelta(seconds=-3)]
PLACES = [
    "waits for its turn",
    "pending",
    "scanning",
    "indexing",
    "nothing in progress",
    "blocked",
    "resuming",
    "finishing",
]


@pytest.fixture
def configuration(service_configuration: dict[str, object]) -> dict[str, object]:
    return {**service_configuration, "batch_files": 4}


def is_further(client: Client, job_id: UUID, done: int) -> bool:
    return client.status(job_id).files_indexed > done


def job_at(connection: Connection, worker: SqlWorker, place: str) -> UUID:
    """A job that has got so far, with commits behind it where there can be some."""
    if place == "waits for its turn":
        for number in range(3):
            enqueue(connection, f"/other{number}")
    job_id = enqueue(connection)
    if place in ("waits for its turn", "pending"):
        return job_id
    if place == "scanning":
        worker.report(worker.take(), "scanning", found=5)
        return job_id
    worker.work(tree(8))
    worker.work(tree(8))
    if place == "finishing":
        while value(connection, "select batches_left > 0 from pgdex.indexing_jobs"):
            worker.work(tree(8))
    if place not in ("nothing in progress", "blocked", "resuming"):
        worker.take()
    if place in ("blocked", "resuming"):
        claim = worker.take()
        worker.release(claim)
        connection.execute("select pgdex.block_job(%s, 'service is away')", [job_id])
        worker.drop(claim.wake_up)
    if place == "resuming":
        connection.execute("select pgdex.resume_job(%s)", [job_id])
    return job_id


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("jump", JUMPS, ids=str)
def test_a_job_goes_on_and_can_be_looked_at_wherever_it_was_when_the_clock_was_set(
    connection: Connection, place: str, jump: timedelta
) -> None:
    worker = SqlWorker(connection)
    job_id = job_at(connection, worker, place)

    set_clock(connection, jump)

    with connection.cursor(row_factory=dict_row) as cursor:
        for shown in cursor.execute("select * from pgdex.job_status").fetchall():
            assert shown["elapsed_seconds"] >= 0
            assert (shown["estimated_time_remaining_seconds"] or 0) >= 0
            assert (shown["files_per_second"] or 0) >= 0
            assert shown["progress_message"]
    assert value(connection, "select pgdex.tick(%s)", worker.id) is True
    assert value(connection, "select bool_and(alive) from pgdex.worker_status") is True, "it has just ticked"
    for claim in connection.execute(
        "select job_id, seq, attempt from pgdex.job_batches where state = 'running'"
    ).fetchall():
        connection.execute("select pgdex.report_batch(%s, %s, %s, 'chunking', 1, 1)", claim)
        connection.execute("select pgdex.release_batch(%s, %s, %s)", claim)
    connection.execute("delete from procrastinate_jobs where status = 'doing'")
    connection.execute("select pgdex.resume_job(%s)", [job_id])
    while value(connection, "select count(*) from pgdex.indexing_jobs where status <> 'completed'"):
        before = value(connection, "select count(*) from pgdex.job_events")
        tick(connection, worker.id)
        connection.execute("select pgdex.heal_batches()")
        worker.work_all(tree(8))
        assert value(connection, "select count(*) from pgdex.job_events") > before, "nothing happened"
    assert "reclaimed" not in events_of(connection, job_id)
    summary = value(connection, "select summary from pgdex.indexing_jobs where id = %s", job_id)
    assert summary["duration_seconds"] >= 0


@pytest.mark.parametrize("jump", JUMPS, ids=str)
def test_progress_is_told_after_the_clock_was_set_as_before(connection: Connection, jump: timedelta) -> None:
    worker = SqlWorker(connection)
    job_id = enqueue(connection)
    worker.work(tree(40), batch_files=20)
    claim = worker.take()
    set_clock(connection, jump)
    before = events_of(connection, job_id).count("progress")
    assert worker.report(claim, "embedding", chunked=9, embedded=9)
    assert events_of(connection, job_id).count("progress") == before + 1


def test_a_worker_that_died_before_the_clock_was_set_does_not_look_alive(connection: Connection) -> None:
    worker = SqlWorker(connection)
    set_clock(connection, timedelta(hours=-4))
    assert connection.execute("select alive, heartbeat_age from pgdex.worker_status").fetchall() == [
        (False, timedelta(0))
    ]
    tick(connection, worker.id)
    assert value(connection, "select alive from pgdex.worker_status") is True


def test_what_a_dead_worker_had_goes_back_in_the_order_of_the_jobs_whatever_the_clock_said(
    connection: Connection,
) -> None:
    worker, peer = SqlWorker(connection), SqlWorker(connection)
    first = enqueue(connection, "/first")
    worker.take()
    set_clock(connection, timedelta(hours=-4))  # what starts now seems to have started before the first
    second = enqueue(connection, "/second")
    worker.take()
    worker.die()

    assert reclaim(connection) == 2

    assert [peer.take().wake_up.job_id for _ in range(2)] == [first, second]


def test_probes_of_a_service_do_not_wait_for_the_clock(connection: Connection) -> None:
    job_id = job_in(connection, "blocked")
    set_clock(connection, timedelta(hours=-4))
    rows = connection.execute("select * from pgdex.claim_probes(%s, %s, %s)", [[job_id], [1], [1.5]]).fetchall()
    assert rows == [(job_id, 1.5)]


def test_a_clock_that_is_set_while_workers_work_and_wait_ends_no_job_and_no_worker(
    client: Client, workers: Workers, service: EmbeddingServer, tmp_path: Path
) -> None:
    workers.start(2)
    workers.wait_until_alive(2)
    ids = {worker.id for worker in living_workers(client.connection)}
    service.fail("slow", latency_ms=200)
    job = client.start(python_tree(tmp_path / "running", 60)).job_id
    wait_for(lambda: client.status(job).files_indexed >= 4, what="a first part of the job")
    for hours in (-4, 4, 4, 40 * 24):
        set_clock(client.connection, timedelta(hours=hours))
        done = client.status(job).files_indexed
        wait_for(partial(is_further, client, job, done), what="progress")
    service.fail("down")
    wait_for(lambda: client.status(job).status == "blocked", what="a blocked job")
    for hours in (-4, 40 * 24):
        set_clock(client.connection, timedelta(hours=hours))
    service.recover()

    status = wait_for_end(client, job, workers=workers)

    assert (status.status, status.files_indexed) == ("completed", 60)
    assert "reclaimed" not in events_of(client.connection, job)
    assert {worker.id for worker in living_workers(client.connection)} == ids
    workers.kill(workers.processes[0])
    wait_for(lambda: len(living_workers(client.connection)) == 1, what="the dead worker to be evicted", seconds=10)
