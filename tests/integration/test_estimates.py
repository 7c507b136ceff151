"""How long a job will take: from this database's own history, or from what was measured elsewhere."""

import pytest

from pgdex.jobs.client.estimates import TreeSize, estimated_duration
from pgdex.jobs.database.connection import Connection
from tests.support.sql_worker import SqlWorker, enqueue, tree

TEN_MB = TreeSize(files=1_000, bytes=10_000_000, is_whole=True)


def finished_job(connection: Connection, path: str, *, bytes_done: int, seconds: float) -> None:
    job_id = enqueue(connection, path)
    SqlWorker(connection).work_all(tree(2))
    connection.execute("alter table pgdex.indexing_jobs disable trigger user")
    connection.execute(
        "update pgdex.indexing_jobs set bytes_done = %s, embedder = 'hashing',"
        " started_at = completed_at - make_interval(secs => %s) where id = %s",
        [bytes_done, seconds, job_id],
    )
    connection.execute("alter table pgdex.indexing_jobs enable trigger user")


@pytest.mark.parametrize(
    ("embedder", "workers", "seconds"),
    [
        ("hashing", 1, 4.1),
        ("hashing", 2, 2.3),
        ("code", 2, 2.4),
        ("static:/models/code", 2, 4.7),
        ("ollama:nomic-embed-text", 1, 167.2),
        ("ollama:nomic-embed-text", 8, 167.2),
    ],
)
def test_without_history_the_estimate_comes_from_what_one_worker_does(
    connection: Connection, embedder: str, workers: int, seconds: float
) -> None:
    estimate = estimated_duration(connection, TEN_MB, embedder=embedder, workers=workers)
    assert not estimate.from_history
    assert estimate.seconds == pytest.approx(seconds, abs=0.1)


def test_the_median_of_this_databases_own_jobs_counts_more(connection: Connection) -> None:
    for number, seconds in enumerate((10.5, 20.5, 100.5)):
        finished_job(connection, f"/repo{number}", bytes_done=10_000_000, seconds=seconds)
    finished_job(connection, "/short", bytes_done=600_000, seconds=0.6)
    finished_job(connection, "/nothing-to-do", bytes_done=0, seconds=30)

    estimate = estimated_duration(connection, TEN_MB, embedder="hashing", workers=8)

    assert estimate.from_history
    assert estimate.seconds == pytest.approx(20.5, rel=0.01)
    assert not estimated_duration(connection, TEN_MB, embedder="static:/m", workers=1).from_history
