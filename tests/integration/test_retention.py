"""History is kept for a time: ended jobs go, whatever they left in other tables goes with them, live jobs stay."""

import time
from pathlib import Path
from uuid import UUID

from pgdex.jobs.client.client import Client
from pgdex.jobs.database.connection import Connection
from tests.support.job_checks import value
from tests.support.sql_worker import SqlWorker, enqueue, tree
from tests.support.trees import python_tree
from tests.support.waiting import wait_for, wait_for_end
from tests.support.workers import Workers, workers_on

LEFT = "select count(*) from pgdex.{}"


def age(connection: Connection, job_id: UUID, *, days: float) -> None:
    """Let a job have been made, and have ended, that many days earlier."""
    connection.execute("alter table pgdex.indexing_jobs disable trigger user")
    connection.execute(
        "update pgdex.indexing_jobs set created_at = created_at - age, completed_at = completed_at - age,"
        " cancelled_at = cancelled_at - age from make_interval(secs => %s) as age where id = %s",
        [days * 86_400, job_id],
    )
    connection.execute("alter table pgdex.indexing_jobs enable trigger user")


def finished(connection: Connection, path: str) -> UUID:
    """A completed job with two batches."""
    job_id = enqueue(connection, path)
    SqlWorker(connection).work_all(tree(4))
    return job_id


def test_ended_jobs_go_after_their_time_with_their_batches_and_events_and_live_ones_never(
    connection: Connection,
) -> None:
    old, young = finished(connection, "/old"), finished(connection, "/young")
    live = enqueue(connection, "/live")
    cancelled = enqueue(connection, "/cancelled")
    connection.execute("select pgdex.cancel_job(%s)", [cancelled])
    for job_id, days in ((old, 8), (young, 6), (live, 30), (cancelled, 8)):
        age(connection, job_id, days=days)

    assert value(connection, "select pgdex.remove_old_jobs('7 days')") == 2

    assert {row[0] for row in connection.execute("select id from pgdex.indexing_jobs")} == {young, live}
    for table in ("job_batches", "job_events"):
        rows = connection.execute(f"select distinct job_id from pgdex.{table}".encode()).fetchall()
        assert {row[0] for row in rows} == {young, live}
    assert value(connection, "select count(*) from pgdex.files where root = '/old'") == 4
    assert value(connection, "select is_overdue from pgdex.job_status where job_id = %s", live) is True
    assert value(connection, "select is_overdue from pgdex.job_status where job_id = %s", young) is False


def test_old_jobs_go_in_portions_oldest_first(connection: Connection) -> None:
    jobs = [enqueue(connection, f"/repo{number}") for number in range(5)]
    for number, job_id in enumerate(jobs):
        connection.execute("select pgdex.cancel_job(%s)", [job_id])
        age(connection, job_id, days=20 - number)
    removed = [value(connection, "select pgdex.remove_old_jobs('7 days', 2)") for _ in range(4)]
    assert removed == [2, 2, 1, 0]


def test_a_worker_removes_old_jobs_when_it_starts(
    client: Client, database_url: str, processes_folder: Path, tmp_path: Path
) -> None:
    source = python_tree(tmp_path / "repository", 3)
    with workers_on(database_url, processes_folder) as workers:
        first = wait_for_end(client, client.start(source).job_id, workers=workers).job_id
    age(client.connection, first, days=2)
    with workers_on(database_url, processes_folder, PGDEX_RETENTION_DAYS="7"):
        time.sleep(3)
        assert client.status(first).status == "completed"
    with workers_on(database_url, processes_folder, PGDEX_RETENTION_DAYS="1.5"):
        jobs = LEFT.format("indexing_jobs").encode()
        wait_for(lambda: client.connection.execute(jobs).fetchone() == (0,), what="an empty history", seconds=20)


def test_finished_tokens_and_ended_workers_do_not_pile_up(
    client: Client, database_url: str, processes_folder: Path, tmp_path: Path
) -> None:
    with workers_on(database_url, processes_folder, count=2, PGDEX_BATCH_FILES="2") as workers:
        job = wait_for_end(client, client.start(python_tree(tmp_path / "a", 40)).job_id, workers=workers)
        assert job.status == "completed"
        cancelled = client.start(python_tree(tmp_path / "b", 400)).job_id
        wait_for(lambda: client.status(cancelled).status == "running", what="a running job")
        client.cancel(cancelled)
        wait_for(lambda: left(client, "procrastinate_jobs") == 0, what="no wake-ups", seconds=10)
        end_hard(workers)
        workers.start()
        wait_for(lambda: left(client, "procrastinate_workers") == 1, what="one worker's row", seconds=10)
    assert left(client, "procrastinate_workers") == 0
    assert left(client, "procrastinate_events") == 0
    assert left(client, "workers") == 0


def left(client: Client, table: str) -> int:
    row = client.connection.execute(LEFT.format(table).encode()).fetchone()
    assert row is not None
    return int(row[0])


def end_hard(workers: Workers) -> None:
    for process in workers.processes:
        workers.kill(process)
