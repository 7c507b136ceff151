"""The time that is left includes the finish, which makes an index after a repository's first files."""

from typing import Any

import pytest

from pgdex.jobs.database.connection import Connection
from tests.integration.test_job_status import pass_time, status, work_for
from tests.support.sql_worker import SqlWorker, enqueue, tree

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
