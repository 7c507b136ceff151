"""Removing a repository: gone for everyone at once, its rows in portions, and nobody waits for it."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from pgdex.indexer.embedding import open_embedder
from pgdex.indexer.search import SearchRequest, search
from pgdex.jobs.client.client import Client
from pgdex.jobs.client.models import IndexedView
from pgdex.jobs.client.naming import view_meant
from pgdex.jobs.client.removal import is_there, remove_rows, remove_view, remove_what_is_left
from pgdex.jobs.client.views import indexed_views, skipped_files
from pgdex.jobs.database.connection import Connection, connect
from pgdex.jobs.errors import InvalidRequest, JobIsLive, JobNotFound
from tests.support.databases import settings_for
from tests.support.job_checks import refused, status_of, value
from tests.support.sql_worker import Found, SqlWorker, enqueue, tree
from tests.support.synthetic_chunks import SyntheticRepository, chunk, new_repository, write_chunks
from tests.support.waiting import wait_for

ROWS = """
    select (select count(*) from pgdex.chunks where repository_id = %(id)s),
        (select count(*) from pgdex.versions where repository_id = %(id)s),
        (select count(*) from pgdex.view_files e join pgdex.views v on v.id = e.view_id where v.repository_id = %(id)s),
        (select count(*) from pgdex.indexing_jobs j join pgdex.views v on v.id = j.view_id
            where v.repository_id = %(id)s),
        (select count(*) from pgdex.views where repository_id = %(id)s),
        (select count(*) from pgdex.repositories where id = %(id)s)
"""
NOTHING = (0, 0, 0, 0, 0, 0)

WAITING = "select wait_event_type = 'Lock' from pg_stat_activity where pid = %s"


def rows_of(connection: Connection, repository_id: int) -> tuple[int, ...]:
    """How many chunks, versions, files, jobs, views and rows of its own a repository has."""
    row = connection.execute(ROWS, {"id": repository_id}).fetchone()
    assert row is not None
    return row


def repository(connection: Connection, name: str, *, own_table: bool, chunks: int = 5) -> SyntheticRepository:
    """One with chunks that have the word alpha."""
    made = new_repository(connection, f"/r/{name}", own_table=own_table)
    write_chunks(connection, made, [chunk(f"alpha {name}{number}") for number in range(chunks)])
    return made


def known(connection: Connection, name: str) -> IndexedView:
    """As the command looks it up."""
    return view_meant(connection, f"/r/{name}", project="default")


def roots_found(connection: Connection) -> set[str]:
    result = search(connection, SearchRequest("alpha", project_id="default", limit=50), open_embedder=open_embedder)
    return {hit.repo_path for hit in result.hits}


@contextmanager
def reader_of_everything(url: str) -> Iterator[Connection]:
    """A transaction that has read all chunks and stays open, as that of a dump does."""
    with connect(settings_for(url), application="dump") as reader:
        reader.execute("begin isolation level repeatable read")
        reader.execute("lock table pgdex.chunks in access share mode")
        reader.execute("select count(*) from pgdex.chunks")
        yield reader
        reader.execute("rollback")


@pytest.mark.parametrize("own_table", [True, False], ids=["own table", "shared table"])
def test_everything_of_a_repository_goes_and_nothing_of_others(connection: Connection, own_table: bool) -> None:
    worker = SqlWorker(connection)
    job = enqueue(connection, "/r/gone")
    worker.work_all([*tree(9), Found("skipped.bin", skip_reason="binary")])
    if own_table:
        connection.execute("select pgdex.ensure_chunk_partition(1, 10, 1)")
    stays = repository(connection, "stays", own_table=False)
    table = value(connection, "select chunk_table from pgdex.repositories where id = 1")
    before = rows_of(connection, stays.id)

    chosen = known(connection, "gone")
    remove_view(connection, chosen)

    assert [one.root for one in indexed_views(connection, project="default")] == ["/r/stays"]
    assert roots_found(connection) == {"/r/stays"}
    assert list(skipped_files(connection, project="default")) == []
    assert value(connection, "select count(*) from pgdex.job_status where job_id = %s", job) == 0
    assert is_there(connection, chosen)
    assert len(list(remove_rows(connection, chosen))) >= 3
    assert not is_there(connection, chosen)
    assert rows_of(connection, chosen.repository_id) == NOTHING
    assert value(connection, "select count(*) from pgdex.job_batches") == 0
    assert value(connection, "select count(*) from pgdex.job_events") == 0
    assert (value(connection, "select to_regclass('pgdex.' || %s) is null", table)) is own_table
    assert rows_of(connection, stays.id) == before


def test_the_folder_can_be_indexed_again_before_the_rows_are_gone(connection: Connection) -> None:
    worker = SqlWorker(connection)
    enqueue(connection, "/r/a")
    worker.work_all(tree(4))
    old = known(connection, "a")
    remove_view(connection, old)

    enqueue(connection, "/r/a")
    worker.work_all(tree(2))

    new = known(connection, "a")
    assert new.id != old.id
    for _ in remove_rows(connection, old):
        pass
    assert rows_of(connection, old.repository_id) == NOTHING
    assert rows_of(connection, new.repository_id) == (2, 2, 2, 1, 1, 1)


def test_portions_are_bounded(connection: Connection) -> None:
    made = repository(connection, "large", own_table=False, chunks=250)
    remove_view(connection, known(connection, "large"))
    chunks = []
    while value(connection, "select pgdex.remove_portion(%s, 100)", made.id):
        chunks.append(rows_of(connection, made.id)[0])
    assert chunks[:25] == list(range(240, -1, -10))
    assert rows_of(connection, made.id) == NOTHING


@pytest.mark.parametrize("own_table", [True, False], ids=["own table", "shared table"])
def test_an_open_transaction_that_has_read_everything_holds_up_nobody(
    connection: Connection, database_url: str, own_table: bool
) -> None:
    gone = repository(connection, "gone", own_table=own_table)
    repository(connection, "stays", own_table=own_table)
    connection.execute("set statement_timeout = '3s'")
    with reader_of_everything(database_url) as reader:
        chosen = known(connection, "gone")
        remove_view(connection, chosen)
        for _ in remove_rows(connection, chosen):
            pass
        # The table that the reader has open stays until it ends; its rows are nobody's business any more.
        assert is_there(connection, chosen) is own_table
        assert roots_found(connection) == {"/r/stays"}
        worker = SqlWorker(connection)
        enqueue(connection, "/r/another")
        worker.work_all(tree(3))
        assert value(connection, "select status from pgdex.job_status where repo_path = '/r/another'") == "completed"
        assert value(reader, "select count(*) from pgdex.chunks where repository_id = %s", gone.id) == 5
    for _ in remove_rows(connection, chosen):
        pass
    assert rows_of(connection, gone.id) == NOTHING


def test_a_live_job_refuses_the_removal_unless_it_is_cancelled(connection: Connection) -> None:
    job = enqueue(connection, "/r/a")
    chosen = known(connection, "a")
    with pytest.raises(JobIsLive, match=f"{job}.*--cancel"):
        remove_view(connection, chosen)
    assert value(connection, "select status from pgdex.indexing_jobs") == "pending"

    remove_view(connection, chosen, cancel=True)

    assert value(connection, "select status from pgdex.indexing_jobs") == "cancelled"
    for _ in remove_rows(connection, chosen):
        pass
    assert rows_of(connection, chosen.repository_id) == NOTHING


def test_a_job_that_was_asked_for_at_the_same_time_ends_with_the_repository(
    connection: Connection, database_url: str
) -> None:
    repository(connection, "a", own_table=False)
    chosen = known(connection, "a")
    with connect(settings_for(database_url)) as client:
        client.execute("begin")
        enqueue(client, "/r/a")
        remove_view(connection, chosen)
        # The client's transaction holds the repository: it is left for later, and nobody waits.
        assert value(connection, "select pgdex.remove_portion()") is False
        client.execute("commit")
    for _ in remove_rows(connection, chosen):
        pass
    assert rows_of(connection, chosen.repository_id) == NOTHING


def test_who_asks_for_it_while_its_row_is_going_is_told_to_ask_again(connection: Connection, database_url: str) -> None:
    """The row is there when the call begins, and gone when it wants to refer to it."""
    repository(connection, "a", own_table=False, chunks=0)
    chosen = known(connection, "a")
    connection.execute("begin")
    remove_view(connection, chosen)
    while value(connection, "select pgdex.remove_portion(%s)", chosen.repository_id):
        pass
    with ThreadPoolExecutor(1) as pool, connect(settings_for(database_url)) as client:
        asked = pool.submit(enqueue, client, "/r/a")
        wait_for(lambda: value(connection, WAITING, client.info.backend_pid), what="a client that waits for the row")
        connection.execute("commit")
        with refused("55P03", saying="/r/a is being removed from the index right now"):
            asked.result()
        assert status_of(client, enqueue(client, "/r/a")) == "pending"


def test_no_list_and_no_shorthand_knows_a_removed_repository_whose_rows_are_still_there(client: Client) -> None:
    connection = client.connection
    worker = SqlWorker(connection)
    jobs = []
    for root in ("/r/kept", "/r/removed"):
        jobs.append(enqueue(connection, root))
        worker.work_all([*tree(3), Found("big.bin", skip_reason="binary")])
    kept, removed = jobs
    gone = known(connection, "removed")
    remove_view(connection, gone)

    assert rows_of(connection, gone.repository_id) == (3, 3, 4, 1, 1, 1), "the rows are still there"
    listed = client.list_jobs(project="default", limit=1)
    assert [job.job_id for job in listed.jobs] == [kept]
    assert (listed.total_count, listed.has_more) == (1, False)
    assert client.find("last", project="default").job_id == kept
    for text in (str(removed), str(removed)[:8]):
        with pytest.raises(JobNotFound):
            client.find(text, project="default")
    with pytest.raises(JobNotFound):
        client.status(removed)
    assert {one.root for one in indexed_views(connection, project="default")} == {"/r/kept"}
    assert {one.repo_path for one in skipped_files(connection, project="default")} == {"/r/kept"}


def test_a_worker_that_has_not_heard_of_it_writes_nothing(connection: Connection) -> None:
    worker = SqlWorker(connection)
    enqueue(connection, "/r/a")
    worker.plan(worker.take(), tree(4))
    claim = worker.take()
    chosen = known(connection, "a")
    remove_view(connection, chosen, cancel=True)
    for _ in remove_rows(connection, chosen):
        pass
    with pytest.raises(psycopg.Error):
        worker.complete(claim)
    for table in ("view_files", "versions", "chunks"):
        assert value(connection, f"select count(*) from pgdex.{table}") == 0


@pytest.mark.parametrize("own_table", [True, False], ids=["own table", "shared table"])
def test_versions_that_no_view_holds_go_with_their_repository_and_those_of_others_stay(
    connection: Connection, own_table: bool
) -> None:
    gone, stays = (repository(connection, name, own_table=own_table) for name in ("gone", "stays"))
    for made in (gone, stays):
        connection.execute("select pgdex.remove_view_files(%s, array['file000001.py'])", [made.view_id])
    before = rows_of(connection, stays.id)
    assert before == (5, 5, 4, 0, 1, 1)
    remove_view(connection, known(connection, "gone"))
    while value(connection, "select pgdex.remove_portion(%s)", gone.id):
        pass
    assert rows_of(connection, gone.id) == NOTHING
    assert rows_of(connection, stays.id) == before


def test_workers_remove_what_was_left(connection: Connection, database_url: str) -> None:
    for name, own_table in (("a", True), ("b", False)):
        repository(connection, name, own_table=own_table)
        remove_view(connection, known(connection, name))
    settings = settings_for(database_url)
    assert asyncio.run(remove_what_is_left(settings)) >= 4
    assert value(connection, "select count(*) from pgdex.repositories") == 0
    assert asyncio.run(remove_what_is_left(settings)) == 0


def test_two_remove_at_once(connection: Connection, database_url: str) -> None:
    made = repository(connection, "a", own_table=False)
    chosen = known(connection, "a")
    remove_view(connection, chosen)
    with pytest.raises(InvalidRequest, match="removed by someone else"):
        remove_view(connection, chosen)
    with connect(settings_for(database_url)) as other:
        other.execute("begin")
        assert value(other, "select pgdex.remove_portion(%s, 2)", made.id) is True
        assert value(connection, "select pgdex.remove_portion(%s, 2)", made.id) is False
        other.execute("commit")
    assert value(connection, "select pgdex.remove_portion(%s, 2)", made.id) is True


def test_what_is_removed_is_found_by_its_path_or_its_whole_name(client: Client, tmp_path: Path) -> None:
    connection = client.connection
    for project, root in (
        ("default", "/r/web"),
        ("default", "/r/other/web"),
        ("default", "/r/api"),
        ("secret", "/r/x"),
    ):
        new_repository(connection, root, project=project, own_table=False)
    for text, root in (("/r/api", "/r/api"), ("/r/api/", "/r/api"), ("api", "/r/api"), ("/r/web", "/r/web")):
        assert view_meant(connection, text, project="default").root == root
    for text, saying in (
        ("web", "2 views are called web. Give the path or address of one:\n  /r/other/web\n  /r/web"),
        ("ap", "ap is not in the index of project default"),
        ("x", "x is not in the index of project default"),
        ("", "'' is not in the index"),
        (str(tmp_path), "Indexed: /r/api"),
    ):
        with pytest.raises(InvalidRequest, match=saying):
            view_meant(connection, text, project="default")
    with pytest.raises(InvalidRequest, match="Nothing is indexed"):
        view_meant(connection, "web", project="empty")


def test_who_names_what_is_not_indexed_is_told_of_ten_that_are_each_on_the_same_line(client: Client) -> None:
    for number in range(11):
        new_repository(client.connection, f"/r/a\nb{number:02}", own_table=False)

    with pytest.raises(InvalidRequest) as refused:
        view_meant(client.connection, "web", project="default")

    assert str(refused.value).endswith("/r/a\\nb08, /r/a\\nb09, …")
    assert "\n" not in str(refused.value)


def test_a_repository_that_is_not_there_cannot_be_removed(connection: Connection) -> None:
    with refused("PX005", saying="there is no repository 4711"):
        connection.execute("select pgdex.remove_repository(4711)")


def test_a_scan_that_is_late_makes_no_table_for_what_was_removed(connection: Connection, database_url: str) -> None:
    made = repository(connection, "a", own_table=False)
    remove_view(connection, known(connection, "a"))
    with refused("PX005", saying=f"there is no repository {made.id}"):
        connection.execute("select pgdex.ensure_chunk_partition(%s, 1000000)", [made.id])
    assert value(connection, "select to_regclass(%s) is null", f"pgdex.chunks_r{made.id}") is True


def test_a_repository_stays_while_somebody_has_its_versions_so_that_no_chunk_outlives_them(
    connection: Connection, database_url: str
) -> None:
    made = repository(connection, "swept", own_table=False)
    connection.execute("delete from pgdex.view_files")
    connection.execute("select pgdex.remove_view(%s)", [made.view_id])
    with connect(settings_for(database_url)) as sweeper, connect(settings_for(database_url)) as remover:

        def remove() -> None:
            while value(remover, "select pgdex.remove_portion()"):
                pass

        with ThreadPoolExecutor(1) as pool, sweeper.transaction():
            sweeper.execute("select from pgdex.versions for no key update")
            removing = pool.submit(remove)
            while not removing.done() and not value(connection, WAITING, remover.info.backend_pid):
                pass  # who waits for the versions would delete them with their repository
        removing.result()
        chunks, versions, *_, repositories = rows_of(connection, made.id)
        assert (chunks, versions, repositories) == (5, 5, 1)
        remove()
    assert rows_of(connection, made.id) == NOTHING
