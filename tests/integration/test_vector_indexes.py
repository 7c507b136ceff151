"""Vector indexes are built beside the jobs: no job waits for one, a job that begins goes first, and searches go on."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from indexer.search import search
from jobs.client import Client
from jobs.cluster import vector_indexes_due
from jobs.database import Connection, connect
from jobs.embedders import embedder_for
from jobs.vector_indexes import build_due_indexes
from tests.databases import settings_for
from tests.job_checks import value
from tests.trees import python_tree
from tests.waiting import wait_for, wait_for_end
from tests.workers import Workers

INDEXES = "select count(*) from pg_indexes where schemaname = 'pgdex' and indexname like '%%hnsw%%'"
BUILDING = "select count(*) from pg_stat_progress_create_index where command = 'CREATE INDEX'"


@pytest.fixture
def configuration() -> dict[str, object]:
    """Every repository is large enough."""
    return {"exact_search_chunks": 1, "embedder": "hashing"}


@pytest.fixture
def held(database_url: str) -> Iterator[Connection]:
    """A connection that can keep an index from being built."""
    with connect(settings_for(database_url), application="test") as connection:
        yield connection


def indexes(client: Client) -> int:
    return int(value(client.connection, INDEXES))


def due(client: Client) -> int:
    return vector_indexes_due(client.connection, exact_search_chunks=client.settings.exact_search_chunks)


def test_a_job_is_completed_before_its_vector_index_is_there_and_search_is_exact_until_then(
    client: Client, workers: Workers, held: Connection, tmp_path: Path
) -> None:
    tree = python_tree(tmp_path / "repository", 40)
    # Whoever builds has this lock: nobody can, until it is given back.
    held.execute("begin")
    held.execute("lock table pgdex.vector_index_builds in share update exclusive mode")
    workers.start()

    job = client.start(tree).job_id

    assert wait_for_end(client, job, workers=workers).status == "completed"
    assert indexes(client) == 0
    assert due(client) == 1
    before = found(client)
    held.execute("rollback")
    wait_for(lambda: indexes(client) == 1, what="a vector index")
    assert due(client) == 0
    assert found(client) == before


def found(client: Client) -> list[tuple[str, int]]:
    """What the vectors alone find."""
    result = search(
        client.connection, "module number 7", project_id="default", open_embedder=embedder_for, legs=("vectors",)
    )
    assert result.hits
    return [(hit.path, hit.start_line) for hit in result.hits]


def test_a_job_that_begins_while_the_index_is_built_goes_first(
    client: Client, workers: Workers, database_url: str, tmp_path: Path
) -> None:
    tree = python_tree(tmp_path / "repository", 3_000)
    workers.start()
    first = client.start(tree).job_id
    assert wait_for_end(client, first, workers=workers).status == "completed"
    wait_for(lambda: value(client.connection, BUILDING) > 0 or indexes(client) > 0, what="a build that has begun")
    (tree / "more.py").write_text("def added_meanwhile():\n    return 1\n")

    second = client.start(tree).job_id

    ended = wait_for_end(client, second, workers=workers)
    assert (ended.status, ended.files_indexed) == ("completed", 1)
    wait_for(lambda: indexes(client) == 1, what="the vector index, after the job")


def test_a_build_gives_way_within_a_second_to_a_job_of_its_repository(
    client: Client, database_url: str, held: Connection, workers: Workers, tmp_path: Path
) -> None:
    tree = python_tree(tmp_path / "repository", 20)
    (worker,) = workers.start()
    assert wait_for_end(client, client.start(tree).job_id, workers=workers).status == "completed"
    wait_for(lambda: indexes(client) == 1, what="a vector index")
    os.kill(worker.pid, signal.SIGSTOP)
    client.connection.execute("select pgdex.drop_vector_indexes(1, null)")
    # A writer that does not end keeps the build waiting for its lock, as a long build would keep others.
    held.execute("begin")
    held.execute("delete from pgdex.chunks_r1 where false")
    ended = Event()

    def build() -> None:
        assert asyncio.run(build_due_indexes(settings_for(database_url, exact_search_chunks=1))) == 0
        ended.set()

    builder = Thread(target=build)
    builder.start()
    wait_for(lambda: value(client.connection, BUILDING) > 0 or waits_for_lock(client), what="a build that waits")
    assert not ended.is_set()
    client.start(tree)

    assert ended.wait(5)

    builder.join()
    held.execute("rollback")
    os.kill(worker.pid, signal.SIGCONT)


def waits_for_lock(client: Client) -> bool:
    return bool(
        value(client.connection, "select exists (select from pg_locks where not granted and mode = 'ShareLock')")
    )


def test_a_job_that_changes_a_tenth_of_the_files_drops_the_index_and_a_small_one_keeps_it(
    client: Client, workers: Workers, tmp_path: Path
) -> None:
    tree = python_tree(tmp_path / "repository", 100)
    workers.start()
    assert wait_for_end(client, client.start(tree).job_id, workers=workers).status == "completed"
    wait_for(lambda: indexes(client) == 1, what="a vector index")
    oid = "select oid from pg_class where relname like 'chunks_r1_hnsw%%'"
    first = value(client.connection, oid)

    rewrite(tree, 5)
    assert wait_for_end(client, client.start(tree).job_id, workers=workers).files_indexed == 5
    assert value(client.connection, oid) == first

    rewrite(tree, 30)
    assert wait_for_end(client, client.start(tree).job_id, workers=workers).files_indexed == 30
    wait_for(lambda: indexes(client) == 1, what="the index that is built again")
    assert value(client.connection, oid) != first


def rewrite(tree: Path, count: int) -> None:
    for file in sorted(tree.rglob("*.py"))[:count]:
        file.write_text(file.read_text() + f"\n\ndef added_{count}():\n    return {count}\n")


def test_an_index_of_an_older_model_goes_with_the_job_that_changes_the_model(
    client: Client, workers: Workers, database_url: str, tmp_path: Path
) -> None:
    tree = python_tree(tmp_path / "repository", 20)
    workers.start()
    assert wait_for_end(client, client.start(tree).job_id, workers=workers).status == "completed"
    wait_for(lambda: indexes(client) == 1, what="a vector index")
    with Client.open(settings_for(database_url, embedder="hashing:64", exact_search_chunks=1)) as other:
        job = other.start(tree, force=True).job_id
        assert wait_for_end(other, job, workers=workers).status == "completed"

        wait_for(lambda: due(other) == 0, what="the index of the new model")

        assert indexes(other) == 1
        definition = value(other.connection, "select indexdef from pg_indexes where indexname like '%%hnsw%%'")
        assert "halfvec(64)" in definition
