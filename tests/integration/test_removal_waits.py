"""Removing a large repository, or a view of one, while others search and index: nobody waits for a lock of it."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest

from pgdex.indexer.embedding import open_embedder
from pgdex.indexer.search import SearchRequest, search
from pgdex.jobs.client.naming import view_meant
from pgdex.jobs.client.removal import is_there, remove_rows, remove_view
from pgdex.jobs.database.connection import Connection, connect
from tests.support.databases import settings_for
from tests.support.job_checks import status_of, value
from tests.support.second_views import new_view
from tests.support.sql_worker import SqlWorker, enqueue, tree
from tests.support.synthetic_chunks import chunk, new_repository, write_chunks
from tests.support.waiting import wait_for

LONGEST_WAIT = "100ms"  # of one lock; a statement may take longer on a machine that is busy
CHUNKS = 6_000
WAITING = "select wait_event_type = 'Lock' from pg_stat_activity where pid = %s"


@contextmanager
def impatient(url: str) -> Iterator[Connection]:
    """A connection whose statements fail where they wait for a lock for too long."""
    with connect(settings_for(url), application="impatient") as connection:
        connection.execute("select set_config('lock_timeout', %s, false)", [LONGEST_WAIT])
        yield connection


def searching(url: str, stop: threading.Event) -> int:
    """Search the whole project again and again; how often."""
    times = 0
    with impatient(url) as connection:
        while not stop.is_set():
            result = search(
                connection, SearchRequest("alpha", project_id="default", limit=5), open_embedder=open_embedder
            )
            assert result.hits
            times += 1
    return times


def working(url: str, stop: threading.Event) -> int:
    """Index another repository again and again; how often."""
    times = 0
    with impatient(url) as connection:
        worker = SqlWorker(connection)
        while not stop.is_set():
            enqueue(connection, f"/r/other{times % 3}", force=True)
            worker.work_all(tree(6))
            times += 1
    return times


@pytest.mark.parametrize("own_table", [True, False], ids=["own table", "shared table"])
@pytest.mark.parametrize("second", ["none", "all", "half"], ids=["the only view", "with a twin", "with half a twin"])
def test_nobody_waits_for_a_large_removal(
    connection: Connection, database_url: str, own_table: bool, second: str
) -> None:
    made = new_repository(connection, "/r/large", own_table=own_table)
    write_chunks(connection, made, [chunk(f"alpha large{number}") for number in range(CHUNKS)])
    if second != "none":
        paths = [f"file{number:06}.py" for number in range(CHUNKS // 2)]
        new_view(connection, of="/r/large", root="/r/twin", paths=paths if second == "half" else None)
    stays = new_repository(connection, "/r/stays", own_table=False)
    write_chunks(connection, stays, [chunk(f"alpha stays{number}") for number in range(20)])
    connection.execute("analyze")
    chosen = view_meant(connection, "/r/large", project="default")
    stop = threading.Event()

    with ThreadPoolExecutor(3) as pool:
        others: list[Callable[[str, threading.Event], int]] = [searching, searching, working]
        running = [pool.submit(other, database_url, stop) for other in others]
        try:
            remove_view(connection, chosen)
            for _ in remove_rows(connection, chosen):
                pass
        finally:
            stop.set()
        assert all(one.result() > 0 for one in running)

    while value(connection, "select pgdex.remove_portion()"):
        pass
    assert not is_there(connection, chosen)
    left = {"none": 0, "all": CHUNKS, "half": CHUNKS // 2}[second]
    assert value(connection, "select count(*) from pgdex.chunks where repository_id = %s", made.id) == left
    assert value(connection, "select count(*) from pgdex.versions where repository_id = %s", made.id) == left


def test_a_table_that_a_dump_has_open_makes_no_reader_wait(connection: Connection, database_url: str) -> None:
    """Whoever wants a table behind someone who waits to drop it waits as long: the drop gives up soon."""
    made = new_repository(connection, "/r/large", own_table=True)
    write_chunks(connection, made, [chunk("alpha")])
    with psycopg.connect(database_url) as dump, impatient(database_url) as reader:
        dump.execute("select count(*) from pgdex.chunks")
        remove_view(connection, view_meant(connection, "/r/large", project="default"))
        stop = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            reading = pool.submit(_read_until, reader, stop)
            for _ in range(10):
                assert value(connection, "select pgdex.remove_portion()") is False
            stop.set()
            assert reading.result() > 0


def _read_until(reader: Connection, stop: threading.Event) -> int:
    times = 0
    while not stop.is_set():
        reader.execute("select count(*) from pgdex.chunks")
        times += 1
    return times


def test_removing_a_repository_with_jobs_of_two_views_meets_a_job_that_commits_without_a_deadlock(
    connection: Connection, database_url: str
) -> None:
    enqueue(connection, "/r/a")
    worker = SqlWorker(connection)
    worker.work_all(tree(2))
    new_view(connection, of="/r/a", root="/r/b")
    first, second = enqueue(connection, "/r/a"), enqueue(connection, "/r/b")
    with psycopg.connect(database_url, autocommit=False) as committing, ThreadPoolExecutor(1) as pool:
        # As complete_job does: its job first, then the repository.
        committing.execute("select from pgdex.indexing_jobs where id = %s for no key update", [second])
        removing = pool.submit(connection.execute, "select pgdex.remove_repository(1, true)")
        with connect(settings_for(database_url)) as observer:
            wait_for(
                lambda: value(observer, WAITING, connection.info.backend_pid), what="a removal that waits for the job"
            )
        committing.execute("set lock_timeout = '2s'")
        committing.execute("select from pgdex.repositories where id = 1 for no key update")
        committing.commit()
        removing.result()
    assert (status_of(connection, first), status_of(connection, second)) == ("cancelled", "cancelled")


def test_a_repository_of_which_a_view_is_being_indexed_is_left_whole(connection: Connection) -> None:
    enqueue(connection, "/r/a")
    SqlWorker(connection).work_all(tree(2))
    new_view(connection, of="/r/a", root="/r/b")
    enqueue(connection, "/r/b")
    with pytest.raises(psycopg.Error, match="/r/b is being indexed"):
        connection.execute("select pgdex.remove_repository(1)")
    assert value(connection, "select count(*) from pgdex.views where removed_at is null") == 2
