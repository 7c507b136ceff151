"""A job's rate and the time that is left; the finish is a part of it, which indexes the words of its first files."""

import time
from typing import Any

import pytest

from pgdex.jobs.database.connection import Connection
from tests.integration.test_job_status import message, pass_time, status, work_for
from tests.support.sql_worker import SqlWorker, enqueue, reclaim, tree

FILES = tree(10, size=45_000_000)  # a second each in the finish of a first index
LARGE_FILES = tree(10, size=450_000_000)


def left(connection: Connection, worker: SqlWorker, *, commits: int, **arguments: Any) -> list[int | None]:
    """The estimates after each of that many commits, ten seconds apart, of one file each."""
    job_id = enqueue(connection, "/repo", **arguments)
    worker.work(LARGE_FILES, batch_files=1)
    said = []
    for _ in range(commits):
        work_for(connection, worker, job_id, 10)
        said.append(status(connection, job_id)["estimated_time_remaining_seconds"])
    return said


def test_the_finish_of_a_first_index_is_a_part_of_the_time_that_is_left(connection: Connection) -> None:
    said = left(connection, SqlWorker(connection), commits=9)

    assert said == [pytest.approx(10 * (20 - commits), rel=0.1) for commits in range(1, 10)]


def test_while_it_finishes_the_time_that_is_left_goes_down_to_nothing(connection: Connection) -> None:
    worker = SqlWorker(connection)
    job_id = enqueue(connection)
    for _ in range(11):
        worker.work(FILES, batch_files=1)
    said = []
    for _ in range(3):
        said.append(status(connection, job_id)["estimated_time_remaining_seconds"])
        pass_time(connection, job_id, 6.0)

    assert said == [pytest.approx(10, abs=1.1), pytest.approx(4, abs=1.1), 0]


def test_a_repository_that_has_its_index_needs_none_again(connection: Connection) -> None:
    worker = SqlWorker(connection)
    enqueue(connection)
    worker.work_all(LARGE_FILES)

    said = left(connection, worker, commits=9, force=True)

    assert said == [pytest.approx(10 * (10 - commits), rel=0.1) for commits in range(1, 10)]


@pytest.mark.parametrize("commits", [1, 5, 40])
def test_a_steady_job_shows_its_rate_and_the_time_that_is_left(connection: Connection, commits: int) -> None:
    worker = SqlWorker(connection)
    job_id = enqueue(connection)
    worker.work(tree(1000, size=50), batch_files=20)
    for _ in range(commits):
        work_for(connection, worker, job_id, 10)  # the test's own time hardly counts beside it
    shown = status(connection, job_id)
    assert float(shown["files_per_second"]) == pytest.approx(2, rel=0.1)
    assert shown["estimated_time_remaining_seconds"] == pytest.approx(10 * (50 - commits), rel=0.1, abs=1.1)
    assert f"{20 * commits}/1,000 files" in shown["progress_message"]
    assert shown["progress_message"].endswith(" left")


def test_the_estimate_goes_by_bytes_where_large_files_come_last(connection: Connection) -> None:
    worker = SqlWorker(connection)
    job_id = enqueue(connection)
    files = [file._replace(size=10 if number < 20 else 1_000) for number, file in enumerate(tree(40))]
    started = time.monotonic()
    worker.work(files, batch_files=20)
    pass_time(connection, job_id, 1.0)
    worker.work(files)
    remaining = status(connection, job_id)["estimated_time_remaining_seconds"]
    assert 90 <= remaining <= 110 * (1 + time.monotonic() - started)


def test_the_rate_sinks_while_nothing_is_committed(connection: Connection) -> None:
    worker = SqlWorker(connection)
    job_id = enqueue(connection)
    worker.work(tree(100, size=50), batch_files=20)
    pass_time(connection, job_id, 1.0)
    worker.work(tree(100, size=50))
    rates, estimates = [], []
    for _ in range(4):
        shown = status(connection, job_id)
        rates.append(shown["files_per_second"])
        estimates.append(shown["estimated_time_remaining_seconds"])
        pass_time(connection, job_id, 20.0)
    assert rates == sorted(set(rates), reverse=True)
    assert estimates == sorted(set(estimates))


@pytest.mark.parametrize("hours", [2, 4, 24, 24 * 30])
@pytest.mark.parametrize("last_commit_too", [False, True], ids=["still going", "long silent"])
def test_a_job_of_many_hours_can_be_looked_at_and_goes_on(
    connection: Connection, hours: int, last_commit_too: bool
) -> None:
    worker = SqlWorker(connection)
    job_id = enqueue(connection)
    worker.work(tree(6))
    worker.work(tree(6))
    pass_time(connection, job_id, hours * 3600)
    if not last_commit_too:
        connection.execute("update pgdex.indexing_jobs set last_commit_at = now() where id = %s", [job_id])
    assert "2/6 files" in message(connection, job_id)
    worker.work_all(tree(6))
    assert status(connection, job_id)["status"] == "completed"


def test_there_is_no_estimate_where_nothing_is_known(connection: Connection) -> None:
    estimate = "estimated_time_remaining_seconds"
    job_id = enqueue(connection)
    assert status(connection, job_id)[estimate] is None
    worker = SqlWorker(connection)
    scan = worker.take()
    assert status(connection, job_id)[estimate] is None
    worker.plan(scan, tree(4))
    assert status(connection, job_id)[estimate] is None
    worker.complete(worker.take())
    assert status(connection, job_id)[estimate] is not None
    connection.execute("select pgdex.block_job(%s, 'service is away')", [job_id])
    assert status(connection, job_id)[estimate] is None
    assert status(connection, job_id)["files_per_second"] is None


@pytest.mark.parametrize("calls", [4, 8])
def test_a_slow_embedding_service_leaves_the_time_that_is_left_right_between_commits(
    connection: Connection, calls: int
) -> None:
    """Batches of 8 files take 48 s each: 480 s in all."""
    worker = SqlWorker(connection)
    job_id = enqueue(connection)
    files = tree(80, size=50)
    worker.work(files, batch_files=8)
    gone = 0.0
    ratios = []
    for _ in range(10):
        claim = worker.take()
        for call in range(1, calls + 1):
            pass_time(connection, job_id, 48 / calls)
            gone += 48 / calls
            worker.report(claim, "embedding", chunked=8, embedded=call * 8 // calls)
            if gone < 470:
                ratios.append(status(connection, job_id)["estimated_time_remaining_seconds"] / (480 - gone))
        worker.complete(claim, found=[file for file in files if file.path in claim.paths])
        worker.drop(claim.wake_up)

    assert ratios == [pytest.approx(1, abs=0.25)] * len(ratios)


def test_before_the_first_commit_the_estimate_comes_from_what_is_embedded(connection: Connection) -> None:
    worker = SqlWorker(connection)
    job_id = enqueue(connection)
    worker.work(tree(40, size=50), batch_files=10)
    claim = worker.take()
    pass_time(connection, job_id, 30)
    worker.report(claim, "embedding", chunked=10)
    shown = status(connection, job_id)
    assert (shown["files_per_second"], shown["estimated_time_remaining_seconds"]) == (None, None)

    pass_time(connection, job_id, 30)
    worker.report(claim, "embedding", chunked=10, embedded=6)
    shown = status(connection, job_id)
    assert float(shown["files_per_second"]) == pytest.approx(0.1)
    assert shown["estimated_time_remaining_seconds"] == pytest.approx(340, abs=5)


def test_what_a_lost_worker_had_embedded_no_longer_counts_as_done(connection: Connection) -> None:
    worker = SqlWorker(connection)
    job_id = enqueue(connection)
    worker.work(tree(40, size=50), batch_files=10)
    claim = worker.take()
    pass_time(connection, job_id, 60)
    worker.report(claim, "embedding", chunked=10, embedded=6)
    worker.die()
    reclaim(connection)

    shown = status(connection, job_id)

    assert (shown["files_per_second"], shown["estimated_time_remaining_seconds"]) == (None, None)
