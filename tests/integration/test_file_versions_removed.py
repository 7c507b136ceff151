"""Versions that no view holds are kept for a while, then removed with their chunks, and no others."""

import asyncio

import psycopg
import pytest

from pgdex.jobs.database.connection import Connection, connect
from pgdex.jobs.worker.retention import remove_old_jobs
from tests.support.databases import settings_for
from tests.support.file_versions import HELD, UNUSED, another_view, rows, versions, write
from tests.support.index_digest import assert_index_is_sound
from tests.support.job_checks import value
from tests.support.sql_worker import Found, SqlWorker, enqueue, tree
from tests.support.synthetic_chunks import SyntheticRepository, new_repository


@pytest.fixture
def repository(connection: Connection) -> SyntheticRepository:
    return new_repository(connection, own_table=False)


def test_versions_that_no_view_holds_are_removed_after_their_time_in_portions_with_their_chunks(
    connection: Connection, repository: SyntheticRepository
) -> None:
    other = another_view(connection, repository)
    write(connection, repository, *(f"old {number}" for number in range(7)))
    write(connection, repository, "old 0", view_id=other)
    write(connection, repository, *(f"new {number}" for number in range(7)))
    assert len(value(connection, UNUSED)) == 6, "the other view holds one of them"
    assert value(connection, "select pgdex.remove_unused_versions('1 hour')") == 0
    connection.execute("update pgdex.versions set unused_since = unused_since - interval '1 day' where path <> 'f6'")

    assert [value(connection, "select pgdex.remove_unused_versions('1 hour', 2)") for _ in range(4)] == [2, 2, 1, 0]

    assert value(connection, UNUSED) == ["f6"]
    assert rows(connection, "chunks") == rows(connection, "versions") == 9
    assert_index_is_sound(connection)


def test_removing_passes_over_what_somebody_takes_back_at_that_moment(
    connection: Connection, database_url: str, repository: SyntheticRepository
) -> None:
    write(connection, repository, "a", "b")
    connection.execute("select pgdex.remove_view_files(%s, array['f0', 'f1'])", [repository.view_id])
    everything = "select pgdex.delete_versions(%s, array(select id from pgdex.versions))"
    with connect(settings_for(database_url)) as other:
        with other.transaction():
            write(other, repository, "a")
            connection.execute("set statement_timeout = '2s'")  # it waits for nobody
            assert value(connection, everything, repository.id) == 1
        assert value(connection, everything, repository.id) == 0
    assert value(connection, HELD) == ["f0"]
    assert_index_is_sound(connection)


def test_only_versions_of_that_repository_and_only_those_no_view_holds_are_deleted(
    connection: Connection, repository: SyntheticRepository
) -> None:
    stranger = new_repository(connection, "/stranger", own_table=False)
    for one in (repository, stranger):
        write(connection, one, "a", "b")
        connection.execute("select pgdex.remove_view_files(%s, array['f1'])", [one.view_id])
    everything = "select pgdex.delete_versions(%s, array(select id from pgdex.versions))"
    assert value(connection, everything, repository.id) == 1
    assert value(connection, "select array_agg(path) from pgdex.versions where repository_id = %s", repository.id) == [
        "f0"
    ]
    assert value(connection, "select count(*) from pgdex.versions where repository_id = %s", stranger.id) == 2
    assert_index_is_sound(connection)


def test_a_sweep_makes_wrong_marks_right_and_says_how_many_there_were(
    connection: Connection, repository: SyntheticRepository
) -> None:
    write(connection, repository, "a", "b", "c", "d")
    connection.execute("select pgdex.remove_view_files(%s, array['f2', 'f3'])", [repository.view_id])
    connection.execute("update pgdex.versions set unused_since = now() where path = 'f0'")
    connection.execute("update pgdex.versions set unused_since = null where path = 'f3'")
    kept = value(connection, "select unused_since from pgdex.versions where path = 'f2'")

    assert [value(connection, "select pgdex.sweep_versions(%s)", repository.id) for _ in range(2)] == [2, 0]

    assert value(connection, UNUSED) == ["f2", "f3"]
    assert value(connection, "select unused_since from pgdex.versions where path = 'f2'") == kept
    assert_index_is_sound(connection)


def test_two_views_that_drop_a_version_at_once_leave_it_to_the_sweep_and_no_search_sees_it(
    connection: Connection, database_url: str, repository: SyntheticRepository
) -> None:
    other_view = another_view(connection, repository)
    for view_id in (repository.view_id, other_view):
        write(connection, repository, "a", view_id=view_id)
    with connect(settings_for(database_url)) as other, other.transaction():
        other.execute("select pgdex.remove_view_files(%s, array['f0'])", [other_view])
        connection.execute("select pgdex.remove_view_files(%s, array['f0'])", [repository.view_id])
    assert value(connection, UNUSED) is None
    inside, outside = connection.execute(
        "select inside, outside from pgdex.view_scope(array[%s::bigint])", [repository.view_id]
    ).fetchone() or (None, None)
    assert inside == [] or outside == [versions(connection)["f0", b"a"]]

    assert value(connection, "select pgdex.sweep_versions(%s)", repository.id) == 1
    assert value(connection, UNUSED) == ["f0"]


@pytest.mark.parametrize(("days", "left"), [(1.0, 4), (3.0, 6)])
def test_what_a_worker_removes_is_what_no_view_has_held_for_the_setting(
    connection: Connection, database_url: str, days: float, left: int
) -> None:
    worker = SqlWorker(connection)
    for files in (tree(4), [Found(one.path, mtime_ns=2) for one in tree(2)] + tree(4)[2:]):
        enqueue(connection)
        worker.work_all(files)
    assert value(connection, UNUSED) == ["file00000.py", "file00001.py"]
    connection.execute("update pgdex.versions set unused_since = unused_since - interval '2 days'")

    asyncio.run(remove_old_jobs(settings_for(database_url, version_retention_days=days)))

    assert rows(connection, "versions") == rows(connection, "chunks") == left
    assert_index_is_sound(connection)


def test_what_a_worker_removes_includes_what_a_race_left_unmarked(connection: Connection, database_url: str) -> None:
    enqueue(connection)
    SqlWorker(connection).work_all(tree(2))
    connection.execute("delete from pgdex.view_files where path = 'file00000.py'")
    connection.execute("update pgdex.repositories set swept_at = swept_at - interval '1 day'")
    settings = settings_for(database_url, version_retention_days=1.0)
    asyncio.run(remove_old_jobs(settings))
    assert value(connection, UNUSED) == ["file00000.py"]


def test_a_version_that_a_view_holds_cannot_be_deleted_by_hand(
    connection: Connection, repository: SyntheticRepository
) -> None:
    write(connection, repository, "a")
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        connection.execute("delete from pgdex.versions")
