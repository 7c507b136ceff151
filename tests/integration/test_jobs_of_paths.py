"""Jobs that look at some paths only: what they take, leave and count, and what becomes of two requests."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import pytest

from pgdex.jobs.client.client import Client
from pgdex.jobs.database.connection import Connection, connect
from tests.support.databases import settings_for
from tests.support.index_digest import assert_index_is_sound, index_digest
from tests.support.job_checks import refused, value
from tests.support.sql_worker import Found, SqlWorker, enqueue, tree
from tests.support.trees import python_tree, write_tree
from tests.support.waiting import wait_for, wait_for_end
from tests.support.workers import Workers

ONLY = "select only_paths from pgdex.indexing_jobs where id = %s"
# In this database: others run beside.
WAITING = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
STATUS = "select status from pgdex.indexing_jobs where id = %s"
STORED = "select array_agg(path order by path) from pgdex.view_files"


@pytest.fixture
def configuration() -> dict[str, object]:
    """An embedder that is there at once."""
    return {"embedder": "hashing"}


@pytest.fixture
def whole(connection: Connection) -> SqlWorker:
    """A worker, and a view that was indexed to its end."""
    worker = SqlWorker(connection)
    enqueue(connection)
    worker.work_all(tree(4))
    return worker


# Requests


def test_a_job_that_waits_takes_more_paths_and_all_where_all_is_asked_for(
    connection: Connection, whole: SqlWorker
) -> None:
    job = enqueue(connection, paths=["b", "a"], then_admit=False)
    assert enqueue(connection, paths=["c", "a"], then_admit=False) == job
    assert value(connection, ONLY, job) == ["a", "b", "c"]
    assert enqueue(connection, then_admit=False) == job
    assert value(connection, ONLY, job) is None
    assert enqueue(connection, paths=["d"], then_admit=False) == job
    assert value(connection, ONLY, job) is None, "the whole tree has d in it"


def test_a_job_that_was_widened_to_the_whole_tree_at_the_same_moment_stays_whole(
    database_url: str, connection: Connection, whole: SqlWorker
) -> None:
    job = enqueue(connection, paths=["a"], then_admit=False)
    with connect(settings_for(database_url)) as other, ThreadPoolExecutor(1) as pool:
        with connection.transaction():
            assert enqueue(connection, then_admit=False) == job
            asking = pool.submit(enqueue, other, paths=["b"], then_admit=False)
            wait_for(lambda: value(connection, WAITING) == 1, what="the other one to wait for the row")
        assert asking.result() == job
    assert value(connection, ONLY, job) is None


def test_a_job_that_has_started_stays_as_it_is_and_ends_where_all_is_asked_for(
    connection: Connection, whole: SqlWorker
) -> None:
    job = enqueue(connection, paths=["a"])
    whole.take()
    assert enqueue(connection, paths=["b"]) == job
    assert value(connection, ONLY, job) == ["a"]
    everything = enqueue(connection)
    assert everything != job
    assert (value(connection, STATUS, job), value(connection, ONLY, everything)) == ("cancelled", None)
    assert enqueue(connection, paths=["b"]) == everything


def test_force_and_a_view_that_was_never_indexed_to_its_end_are_of_the_whole_tree(
    connection: Connection, whole: SqlWorker
) -> None:
    assert value(connection, ONLY, enqueue(connection, "/new", paths=["a"])) is None
    job = enqueue(connection, paths=["a"])
    forced = enqueue(connection, paths=["a"], force=True)
    assert (forced != job, value(connection, ONLY, forced), value(connection, STATUS, job)) == (True, None, "cancelled")


@pytest.mark.parametrize("path", ["", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "./a", "a/.", None])
def test_a_path_that_leads_elsewhere_is_refused(connection: Connection, whole: SqlWorker, path: str | None) -> None:
    with refused("PX005", saying="paths must be relative to repo_path"):
        enqueue(connection, paths=["a.py", path])


@pytest.mark.parametrize("path", ["a", ".a", "..a", "a..", "...", "ü/日本.py", "a b", "%", "a\\b", "-x", "'"])
def test_any_other_path_is_one(connection: Connection, whole: SqlWorker, path: str) -> None:
    assert value(connection, ONLY, enqueue(connection, paths=[path])) == [path]


# What they do


def worked(worker: SqlWorker, found: Sequence[Found], *paths: str) -> UUID:
    job = enqueue(worker.connection, paths=list(paths))
    worker.work_all(found)
    assert value(worker.connection, STATUS, job) == "completed"
    return job


def test_files_elsewhere_are_neither_deleted_nor_counted(connection: Connection, whole: SqlWorker) -> None:
    job = worked(whole, [Found("file00000.py", mtime_ns=2), Found("new.py")], "file00000.py", "file00001.py", "new.py")
    assert value(connection, STORED) == ["file00000.py", "file00002.py", "file00003.py", "new.py"]
    row = connection.execute(
        "select files_scanned, files_indexed, files_unchanged, files_deleted, paths_asked, progress_message"
        " from pgdex.job_status where job_id = %s",
        [job],
    ).fetchone()
    assert row is not None
    assert row[:5] == (2, 2, 0, 1, 3)
    assert row[5].startswith("Completed: 2 indexed, 0 unchanged, 0 skipped, 1 deleted in ")
    assert_index_is_sound(connection)


def test_a_folder_that_is_gone_takes_all_in_it_and_nothing_with_a_similar_name(connection: Connection) -> None:
    worker = SqlWorker(connection)
    enqueue(connection)
    worker.work_all([Found(name) for name in ("a-b/c", "a.b/c", "a/b", "a/b/c", "a/é", "a0/c", "ab")])
    worked(worker, [], "a")
    assert value(connection, STORED) == ["a-b/c", "a.b/c", "a0/c", "ab"]
    worked(worker, [Found("a")], "a")
    assert value(connection, STORED) == ["a", "a-b/c", "a.b/c", "a0/c", "ab"]


def test_an_empty_answer_to_some_paths_is_no_empty_folder(connection: Connection, whole: SqlWorker) -> None:
    worked(whole, [], *(found.path for found in tree(4)))
    assert value(connection, STORED) is None


def test_no_vector_index_is_dropped_for_them(connection: Connection, whole: SqlWorker) -> None:
    repository = value(connection, "select id from pgdex.repositories")
    table = value(connection, "select chunk_table from pgdex.views_status")
    connection.execute(f"create index chunks_r{repository}_hnsw_m1 on pgdex.{table} (ordinal)")
    enqueue(connection, paths=[found.path for found in tree(4)])
    claim = whole.take()
    rewrites = "select pgdex.rewrites_vector_index(%s, 'test-model', 4, 2::smallint)"
    assert value(connection, rewrites, claim.wake_up.job_id) is False
    whole.plan(claim, [found._replace(mtime_ns=9) for found in tree(4)])
    value(connection, "select pgdex.drop_unwanted_vector_indexes(%s)", repository)
    assert value(connection, "select count(*) from pg_class where relname like 'chunks\\_r%%\\_hnsw\\_m%%'") == 1


def test_real_workers_end_with_the_same_index_as_a_job_of_the_whole_tree(
    client: Client, workers: Workers, tmp_path: Path
) -> None:
    workers.start()
    root = python_tree(tmp_path.resolve() / "tree", 8)
    write_tree(root, {"x/y.py": "x = 1\n", "gone/z.py": "z = 1\n", "x.log": "x\n"})
    wait_for_end(client, client.start(root).job_id, workers=workers)

    write_tree(root, {"x/y.py": "x = 2\n", "x/new.py": "x = 3\n", ".gitignore": "*.log\n"})
    (root / ".git").mkdir()
    (root / "gone" / "z.py").unlink()
    (root / "gone").rmdir()
    (root / "gone").write_text("now a file\n")
    paths = ["x", "gone", "gone/z.py", ".gitignore", "x.log", "never/there.py"]
    row = client.connection.execute("select pgdex.enqueue_job(%s, paths => %s)", [str(root), paths]).fetchone()
    assert row is not None
    status = wait_for_end(client, row[0], workers=workers)
    assert status.status == "completed", status.error_message
    assert_index_is_sound(client.connection)
    by_paths = index_digest(client.connection)

    assert wait_for_end(client, client.start(root).job_id, workers=workers).files_indexed == 0
    assert index_digest(client.connection) == by_paths
