"""Vector indexes are built beside the jobs: no job waits for one, a job that begins goes first, and searches go on."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import numpy as np
import psycopg
import pytest

from pgdex.indexer.search import SearchRequest, search
from pgdex.jobs.cli.diagnosis.index import index_checks
from pgdex.jobs.client.client import Client
from pgdex.jobs.client.workers import vector_indexes_due
from pgdex.jobs.database.connection import Connection, connect
from pgdex.jobs.embedders import embedder_for
from pgdex.jobs.worker.vector_indexes import Patience, build_due_indexes
from tests.integration.roles.members import CLIENT, DENIED, READER, logged_in
from tests.support.databases import settings_for
from tests.support.job_checks import job_in, refused, value
from tests.support.sql_worker import SqlWorker, enqueue, tree
from tests.support.synthetic_chunks import DIMENSION, SyntheticRepository, chunk, new_repository, write_chunks
from tests.support.trees import python_tree
from tests.support.waiting import wait_for, wait_for_end
from tests.support.workers import Workers

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
        client.connection,
        SearchRequest("module number 7", project_id="default"),
        open_embedder=embedder_for,
        retrievers=("vectors",),
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
        assert "ef_construction='200'" in definition


# Made-up repositories, without workers


@pytest.fixture
def large(connection: Connection) -> SyntheticRepository:
    """A repository with a table of its own that is due for a vector index."""
    return large_repository(connection, "/large")


def large_repository(connection: Connection, root: str) -> SyntheticRepository:
    made = new_repository(connection, root)
    vectors = np.random.default_rng(3).normal(size=(50, DIMENSION)).astype(np.float32)
    write_chunks(connection, made, [chunk(f"alpha {n}") for n in range(50)], vectors=vectors)
    connection.execute("select pgdex.build_indexes(%s)", [made.id])
    return made


def build(connection: Connection, repository: SyntheticRepository, *, beside_jobs: bool = False) -> bool:
    return bool(value(connection, "select pgdex.build_vector_index(%s, 1, %s)", repository.id, beside_jobs))


def test_one_vector_index_is_built_at_a_time(
    connection: Connection, large: SyntheticRepository, held: Connection
) -> None:
    other = large_repository(connection, "/other")
    with held.transaction():
        assert build(held, large) is True
        assert build(connection, other) is False
    assert build(connection, other) is True


@pytest.mark.parametrize("role", [READER, CLIENT])
def test_who_may_only_read_cannot_keep_it_from_being_built(
    connection: Connection, database_url: str, large: SyntheticRepository, role: str
) -> None:
    with logged_in(database_url, role) as member, member.transaction():
        with refused(DENIED), member.transaction():
            member.execute("lock table pgdex.vector_index_builds in share update exclusive mode")
        member.execute("select * from pgdex.vector_index_builds")
        member.execute("select count(*) from pgdex.chunks")
        assert build(connection, large) is True


def test_none_is_built_beside_a_running_job_until_patience_is_up(
    connection: Connection, large: SyntheticRepository
) -> None:
    job_in(connection, "running")
    assert build(connection, large) is False
    assert build(connection, large, beside_jobs=True) is True


def test_patience_and_delays_go_by_the_workers_own_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("pgdex.jobs.worker.vector_indexes.time.monotonic", lambda: now)
    patience = Patience()
    patience.looked({1: 0, 2: 0})
    assert patience.may_try(1)
    assert not patience.is_up(1)
    for failures, delay in ((1, 30), (2, 60), (3, 120), (8, 3600), (100, 3600)):
        patience.looked({1: failures, 2: 0})
        now += delay - 1
        patience.looked({1: failures, 2: 0})
        assert not patience.may_try(1)
        assert patience.may_try(2)
        now += 1
        assert patience.may_try(1)
    assert patience.is_up(1)
    patience.looked({2: 0})
    assert not patience.is_up(1), "it was built meanwhile"


def test_a_login_with_a_statement_timeout_builds_it_all_the_same(
    connection: Connection, database_url: str, large: SyntheticRepository
) -> None:
    name = connection.info.dbname
    connection.execute(f"alter database {name} set statement_timeout = '40ms'")
    connection.execute(
        f"insert into pgdex.chunks_r{large.id} select c.repository_id, c.version_id, n, c.start_line, c.end_line,"
        " c.kind, c.symbol, c.content, c.embedding, c.model_id, c.lexemes, c.term_weights"
        f" from pgdex.chunks_r{large.id} c, generate_series(1, 100) n"
    )
    settings = settings_for(database_url, exact_search_chunks=1)
    with psycopg.connect(database_url, autocommit=True) as limited, refused("57014"):
        build(limited, large)
    assert asyncio.run(build_due_indexes(settings)) == 1
    assert value(connection, INDEXES) == 1


def test_a_build_that_fails_is_noted_and_tried_again_later(
    connection: Connection, database_url: str, large: SyntheticRepository
) -> None:
    connection.execute(
        f"update pgdex.chunks_r{large.id} set embedding = '[1, 2]'"
        " where version_id = (select min(id) from pgdex.versions)"
    )
    settings, patience = settings_for(database_url, exact_search_chunks=1), Patience()
    for _ in range(3):
        assert asyncio.run(build_due_indexes(settings, patience)) == 0
    failed = connection.execute("select failures, error from pgdex.vector_index_builds").fetchone()
    assert failed is not None
    assert failed[0] == 1, "the second and the third try wait"
    assert "dimensions" in failed[1]
    assert vector_indexes_due(connection, exact_search_chunks=1) == 0, "no worker stays for it"
    (check,) = index_checks(connection)
    assert check.outcome == "warning"
    assert check.finding.startswith("the vector index of /large could not be built (1 attempt): ")

    connection.execute(f"update pgdex.chunks_r{large.id} set model_id = null where embedding::text = '[1,2]'")
    assert asyncio.run(build_due_indexes(settings, Patience())) == 0, "another worker waits as long"
    restless = Patience(failures={large.id: (1, -1e9)})
    assert asyncio.run(build_due_indexes(settings, restless)) == 1
    assert value(connection, "select count(*) from pgdex.vector_index_builds") == 0


def test_a_repository_in_a_shared_table_gets_one_of_its_own_with_its_index(
    connection: Connection, database_url: str
) -> None:
    made = new_repository(connection, "/small", own_table=False)
    vectors = np.random.default_rng(3).normal(size=(50, DIMENSION)).astype(np.float32)
    write_chunks(connection, made, [chunk(f"alpha {n}") for n in range(50)], vectors=vectors)
    connection.execute("update pgdex.repositories set chunks = 50")
    assert asyncio.run(build_due_indexes(settings_for(database_url, exact_search_chunks=49))) == 1
    assert value(connection, "select chunk_table from pgdex.repositories") == f"chunks_r{made.id}"
    assert value(connection, "select count(*) from pgdex.chunks") == 50


# No index is dropped while a job's row is locked


def test_neither_a_job_nor_a_cancel_nor_a_search_waits_for_who_has_the_table_open(
    connection: Connection, database_url: str, held: Connection
) -> None:
    worker = SqlWorker(connection)
    enqueue(connection, "/r")
    worker.work_all(tree(20))
    connection.execute("select pgdex.build_indexes(1, 1)")
    connection.execute("update pgdex.chunks_r1 set embedding = '[1, 2, 3, 4]', model_id = 1")
    assert value(connection, "select pgdex.build_vector_index(1, 1, true)") is True
    held.execute("begin")
    held.execute("select count(*) from pgdex.chunks")

    connection.execute("set statement_timeout = '2s'")
    job = enqueue(connection, "/r", force=True)
    worker.plan(worker.take(), tree(20))
    assert value(connection, "select pgdex.drop_unwanted_vector_indexes(1)") == 1
    search(connection, SearchRequest("f1", project_id="default"), open_embedder=embedder_for, retrievers=("words",))
    assert value(connection, "select pgdex.cancel_job(%s)", job) == "running"

    held.execute("rollback")
    enqueue(connection, "/r", force=True)
    worker.plan(worker.take(), tree(20))
    assert value(connection, "select pgdex.drop_unwanted_vector_indexes()") == 0
    assert value(connection, INDEXES) == 0
