"""A view whose folder is gone: marked where every worker that looked for it said so, and no sooner."""

from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from pgdex.jobs.client.client import Client
from pgdex.jobs.database.connection import Connection
from tests.support.job_checks import value
from tests.support.second_views import new_view
from tests.support.sql_worker import Claim, SqlWorker, enqueue, tree
from tests.support.trees import python_tree
from tests.support.waiting import wait_for_end
from tests.support.workers import workers_on

MARKED = "select missing_since is not null from pgdex.views where root = %s"


def leave(connection: Connection, claim: Claim, *, is_missing: bool, kind: str = "RootUnavailable") -> str:
    """As a worker does that does not see the folder."""
    return str(
        value(
            connection,
            "select pgdex.leave_batch_to_others(%s, %s, %s, 'there is no folder', %s, null, true, %s)",
            *(*claim.key, kind, is_missing),
        )
    )


def failed_scan(connection: Connection, root: str, said: Sequence[bool], *, kind: str = "RootUnavailable") -> UUID:
    """A job that as many workers leave, each of which says whether the folder is gone."""
    workers = [SqlWorker(connection) for _ in said]
    job = enqueue(connection, root)
    for worker, is_missing in zip(workers, said, strict=True):
        leave(connection, worker.take(), is_missing=is_missing, kind=kind)
    assert value(connection, "select status from pgdex.indexing_jobs where id = %s", job) == "failed"
    return job


def test_a_view_is_marked_where_all_workers_found_its_folder_gone(connection: Connection) -> None:
    failed_scan(connection, "/r/a", [True, True])
    assert value(connection, MARKED, "/r/a") is True


def test_one_worker_that_may_only_not_look_leaves_it_open(connection: Connection) -> None:
    failed_scan(connection, "/r/a", [True, False])
    assert value(connection, MARKED, "/r/a") is False


def test_a_job_that_fails_for_another_reason_marks_nothing(connection: Connection) -> None:
    failed_scan(connection, "/r/a", [True], kind="FolderEmptied")
    assert value(connection, MARKED, "/r/a") is False


def test_a_job_that_is_given_up_later_marks_its_view_too(connection: Connection) -> None:
    worker, gone = SqlWorker(connection), SqlWorker(connection)
    job = enqueue(connection, "/r/a")
    reclaimed = gone.take()
    assert gone.release(reclaimed)
    connection.execute("update pgdex.job_batches set reclaimed = 1")
    assert leave(connection, worker.take(), is_missing=True) == "left"
    connection.execute("delete from procrastinate_workers where id = %s", [gone.id])
    for _ in range(10):
        connection.execute("select pgdex.fail_unseen_jobs()")
    assert value(connection, "select status from pgdex.indexing_jobs where id = %s", job) == "failed"
    assert value(connection, MARKED, "/r/a") is True


def test_the_next_scan_takes_the_mark_back(connection: Connection) -> None:
    failed_scan(connection, "/r/a", [True])
    connection.execute("delete from procrastinate_workers")
    enqueue(connection, "/r/a")
    SqlWorker(connection).work_all(tree(2))
    assert value(connection, MARKED, "/r/a") is False


def test_a_default_view_that_is_gone_makes_room_for_another(connection: Connection) -> None:
    enqueue(connection, "/r/main")
    worker = SqlWorker(connection)
    worker.work_all(tree(2))
    new_view(connection, of="/r/main", root="/r/fix")
    connection.execute("delete from procrastinate_workers")

    failed_scan(connection, "/r/main", [True])

    assert value(connection, "select root from pgdex.views where is_default") == "/r/fix"


def test_a_locked_repository_is_not_waited_for(connection: Connection, database_url: str) -> None:
    import psycopg

    enqueue(connection, "/r/a")
    worker = SqlWorker(connection)
    with psycopg.connect(database_url) as other:
        claim = worker.take()
        other.execute("select from pgdex.repositories for update")
        connection.execute("set lock_timeout = '1s'")
        assert leave(connection, claim, is_missing=True) == "failed"
    assert value(connection, MARKED, "/r/a") is False


def test_a_real_worker_marks_a_folder_that_was_deleted_and_not_a_share_that_is_away(
    client: Client, database_url: str, tmp_path: Path
) -> None:
    deleted = python_tree(tmp_path.resolve() / "deleted", 2)
    away = python_tree(tmp_path.resolve() / "share" / "away", 2)
    jobs = [client.start(root).job_id for root in (deleted, away)]
    (deleted.rename(tmp_path / "elsewhere"), (tmp_path / "share").rename(tmp_path / "unmounted"))
    with workers_on(database_url, tmp_path) as workers:
        for job in jobs:
            assert wait_for_end(client, job, workers=workers).error_type == "RootUnavailable"
    assert value(client.connection, MARKED, str(deleted)) is True
    assert value(client.connection, MARKED, str(away)) is False
