"""Each content of a path is stored once, as a version, whoever writes it and whatever is removed meanwhile."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from pgdex.indexer.storage import SkippedFile, UnchangedFile, VersionGone, stored_files, write_files
from pgdex.jobs.database.connection import Connection, connect
from tests.support.databases import settings_for
from tests.support.file_versions import HELD, UNUSED, another_view, files_of, rows, versions, write
from tests.support.index_digest import assert_index_is_sound
from tests.support.job_checks import value
from tests.support.sql_worker import DIMENSION, FOUND_FILES, MODEL, SqlWorker, enqueue, tree
from tests.support.synthetic_chunks import SyntheticRepository, new_repository
from tests.support.waiting import wait_for

BLOCKED = "select wait_event_type = 'Lock' from pg_stat_activity where pid = %s"


@pytest.fixture
def repository(connection: Connection) -> SyntheticRepository:
    return new_repository(connection, own_table=False)


def test_a_content_that_two_views_have_at_a_path_is_stored_once(
    connection: Connection, repository: SyntheticRepository
) -> None:
    other = another_view(connection, repository)
    assert write(connection, repository, "a", "b") == 2
    assert write(connection, repository, "a", "changed", view_id=other) == 1

    assert sorted(versions(connection)) == [("f0", b"a"), ("f1", b"b"), ("f1", b"changed")]
    assert (rows(connection, "chunks"), rows(connection, "view_files")) == (3, 4)
    assert value(connection, UNUSED) is None
    assert_index_is_sound(connection)


def test_the_same_content_at_another_path_is_another_version(
    connection: Connection, repository: SyntheticRepository
) -> None:
    assert write(connection, repository, "same", "same") == 2
    assert len(versions(connection)) == 2


def test_a_file_that_is_edited_leaves_its_old_version_and_the_way_back_writes_nothing(
    connection: Connection, repository: SyntheticRepository
) -> None:
    write(connection, repository, "a", "b")
    before = versions(connection)
    write(connection, repository, "a", "edited")
    assert value(connection, UNUSED) == ["f1"]
    assert rows(connection, "chunks") == 3
    assert_index_is_sound(connection)

    assert write(connection, repository, "a", "b") == 0

    assert versions(connection).items() >= before.items()
    unused = value(connection, "select content_hash from pgdex.versions where unused_since is not null")
    assert bytes(unused) == b"edited"
    assert_index_is_sound(connection)


def test_a_version_that_is_written_again_keeps_its_id_and_has_the_new_chunks_only(
    connection: Connection, repository: SyntheticRepository
) -> None:
    other = another_view(connection, repository)
    for view_id in (repository.view_id, other):
        write(connection, repository, "a", "b", view_id=view_id)
    before = versions(connection)
    places = "select array_agg(ctid::text order by version_id) from pgdex.chunks"
    chunks = value(connection, places)

    assert write(connection, repository, "a", "b", force=True) == 2

    assert versions(connection) == before
    assert value(connection, places) != chunks
    assert rows(connection, "chunks") == 2
    assert_index_is_sound(connection)


@pytest.mark.parametrize(
    "outdated", ["index_format = 0", "model_id = null", "skip_reason = 'crashed', chunks = 0"], ids=str
)
def test_a_version_of_another_model_format_or_verdict_is_written_again_without_force(
    connection: Connection, repository: SyntheticRepository, outdated: str
) -> None:
    write(connection, repository, "a", "b")
    connection.execute(f"update pgdex.versions set {outdated} where path = 'f1'")
    if "chunks = 0" in outdated:
        connection.execute(
            "delete from pgdex.chunks where version_id = (select id from pgdex.versions where path = 'f1')"
        )
    before = versions(connection)

    assert write(connection, repository, "a", "b") == 1

    assert versions(connection) == before
    assert value(connection, "select skip_reason is null and chunks = 1 from pgdex.versions where path = 'f1'") is True
    assert_index_is_sound(connection)


def test_a_file_that_can_no_longer_be_searched_has_a_version_without_chunks(
    connection: Connection, repository: SyntheticRepository
) -> None:
    write(connection, repository, "a")
    for reason, content in (("binary", b"\0"), ("oversized", None)):
        skipped = SkippedFile(path="f0", size=1, content_hash=content, reason=reason, detail=None)
        with connection.transaction():
            write_files(
                connection,
                repository_id=repository.id,
                view_id=repository.view_id,
                model_id=repository.model_id,
                skipped=[skipped],
            )
        assert connection.execute("select path, skip_reason, chunks from pgdex.files").fetchall() == [("f0", reason, 0)]
        assert_index_is_sound(connection)
    assert value(connection, UNUSED) == ["f0", "f0"]
    assert value(connection, "select version_id from pgdex.view_files") is None


def test_two_views_that_write_the_same_files_in_another_order_wait_for_each_other_and_store_them_once(
    connection: Connection, database_url: str, repository: SyntheticRepository
) -> None:
    views = [repository.view_id, another_view(connection, repository)]
    files = list(files_of(*(f"text {number}" for number in range(200))))

    def write_all(number: int) -> int:
        with connect(settings_for(database_url)) as other, other.transaction():
            return write_files(
                other,
                repository_id=repository.id,
                view_id=views[number],
                model_id=repository.model_id,
                indexed=files if number == 0 else files[::-1],
            )

    for _ in range(5):
        with ThreadPoolExecutor(2) as pool:
            assert sum(pool.map(write_all, range(2))) == 200
        assert (rows(connection, "versions"), rows(connection, "view_files")) == (200, 400)
        assert_index_is_sound(connection)
        connection.execute("delete from pgdex.view_files; delete from pgdex.versions; delete from pgdex.chunks_s00")
        connection.execute(f"delete from pgdex.{value(connection, 'select chunk_table from pgdex.repositories')}")


def test_who_takes_a_version_over_that_is_just_removed_is_told_to_read_the_file_again(
    connection: Connection, database_url: str, repository: SyntheticRepository
) -> None:
    write(connection, repository, "a")
    number = versions(connection)["f0", b"a"]
    connection.execute("select pgdex.remove_view_files(%s, array['f0'])", [repository.view_id])

    def take_over(other: Connection) -> None:
        with other.transaction():
            write_files(
                other,
                repository_id=repository.id,
                view_id=repository.view_id,
                model_id=repository.model_id,
                unchanged=[
                    UnchangedFile(path="f0", size=1, mtime_ns=1, ctime_ns=1, inode=1, blob_id=b"", version_id=number),
                ],
            )

    with connect(settings_for(database_url)) as other, ThreadPoolExecutor(1) as pool:
        with connection.transaction():
            assert value(connection, "select pgdex.delete_versions(%s, array[%s::bigint])", repository.id, number) == 1
            taking = pool.submit(take_over, other)
            wait_for(lambda: value(connection, BLOCKED, other.info.backend_pid), what="one that waits for the version")
        with pytest.raises(VersionGone):
            taking.result()
    assert (rows(connection, "view_files"), rows(connection, "chunks")) == (0, 0)


def test_who_writes_a_version_that_is_just_removed_writes_it_anew(
    connection: Connection, database_url: str, repository: SyntheticRepository
) -> None:
    write(connection, repository, "a", "b")
    before = versions(connection)
    connection.execute("select pgdex.remove_view_files(%s, array['f0', 'f1'])", [repository.view_id])
    with connect(settings_for(database_url)) as other, ThreadPoolExecutor(1) as pool:
        with connection.transaction():
            removing = "select pgdex.delete_versions(%s, array[%s::bigint])"
            assert value(connection, removing, repository.id, before["f0", b"a"]) == 1
            writing = pool.submit(write, other, repository, "a", "b")
            wait_for(lambda: value(connection, BLOCKED, other.info.backend_pid), what="one that waits for the version")
        assert writing.result() == 1
    after = versions(connection)
    assert after.keys() == before.keys()
    assert after["f1", b"b"] == before["f1", b"b"]
    assert value(connection, HELD) == ["f0", "f1"]
    assert_index_is_sound(connection)


def test_a_scan_that_finds_a_version_by_its_blob_while_it_is_removed_has_the_file_read(
    connection: Connection, database_url: str
) -> None:
    worker = SqlWorker(connection)
    enqueue(connection, "/repo")
    worker.work_all(tree(2))
    connection.execute("update pgdex.versions set blob_id = path::bytea, unused_since = now()")
    connection.execute("delete from pgdex.view_files")
    enqueue(connection, "/repo")
    scan = worker.take()
    connection.execute(FOUND_FILES)
    connection.execute("truncate pg_temp.found_files")
    connection.execute(
        "insert into pg_temp.found_files (path, size, mtime_ns, blob_id)"
        " select path, size, 1, blob_id from pgdex.versions"
    )
    with connect(settings_for(database_url)) as other, other.transaction():
        gone = "select pgdex.delete_versions(%s, array(select id from pgdex.versions where path = 'file00000.py'))"
        assert value(other, gone, scan.repository_id) == 1
        connection.execute("set statement_timeout = '5s'")  # it waits for nobody
        connection.execute(
            "select pgdex.plan_job(%s, %s, %s, %s, 2, 1000, 0.1, 2::smallint)",
            [scan.wake_up.job_id, scan.attempt, MODEL, DIMENSION],
        )
    assert value(connection, HELD) == ["file00001.py"]
    assert value(connection, "select paths from pgdex.job_batches where seq = 1 and paths is not null") == [
        "file00000.py"
    ]
    worker.drop(scan.wake_up)
    worker.work_all(tree(2))
    assert value(connection, HELD) == ["file00000.py", "file00001.py"]
    assert_index_is_sound(connection)


def test_what_is_stored_of_files_is_every_searchable_version_in_whichever_view(
    connection: Connection, repository: SyntheticRepository
) -> None:
    other = another_view(connection, repository)
    write(connection, repository, "a", "b")
    write(connection, repository, "a", "c", "d", view_id=other)
    stored = stored_files(
        connection, repository_id=repository.id, view_id=repository.view_id, paths=["f0", "f1", "f2", "nowhere"]
    )
    assert {path: (set(map(bytes, one.versions)), one.is_searchable) for path, one in stored.items()} == {
        "f0": ({b"a"}, True),
        "f1": ({b"b", b"c"}, True),
        "f2": ({b"d"}, False),
    }
