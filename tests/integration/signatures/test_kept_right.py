"""Signatures of vectors are right whoever adds or deletes chunks, and go with them."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from pgdex.indexer.search.retrievers import vector_text
from pgdex.jobs.database.connection import Connection, connect
from tests.integration.roles.members import READER, logged_in
from tests.integration.signatures.scene import NEAREST, build, nearest, rows_of, signatures, unit
from tests.support.databases import settings_for
from tests.support.job_checks import value
from tests.support.synthetic_chunks import DIMENSION, SyntheticRepository, chunk, new_repository, write_chunks
from tests.support.waiting import wait_for


def test_chunks_that_are_added_made_again_or_deleted_later_are_no_exception(connection: Connection) -> None:
    repository = new_repository(connection)
    write_chunks(connection, repository, [chunk(f"value{n}") for n in range(50)])
    build(connection, repository)
    vector = unit(np.random.default_rng(1).normal(size=(1, DIMENSION)))

    write_chunks(connection, repository, [chunk("late")], path_of=lambda _: "late.py", vectors=vector)

    signed, chunks = rows_of(connection, repository)
    assert signed == chunks
    assert len(chunks) == 51
    late = value(connection, "select id from pgdex.versions where path = 'late.py'")
    assert nearest(connection, repository, vector_text(vector[0]))[0] == (late, 0)

    with connection.transaction():
        connection.execute("select pgdex.delete_chunks(%s, %s)", [repository.id, [late]])
    signed, chunks = rows_of(connection, repository)
    assert signed == chunks
    assert len(chunks) == 50


def test_a_transaction_that_is_rolled_back_leaves_no_signature(connection: Connection) -> None:
    repository = new_repository(connection)
    write_chunks(connection, repository, [chunk(f"value{n}") for n in range(50)])
    build(connection, repository)
    connection.execute("begin")
    write_chunks(connection, repository, [chunk("late")], path_of=lambda _: "late.py")
    connection.execute("rollback")

    signed, chunks = rows_of(connection, repository)

    assert signed == chunks
    assert len(chunks) == 50


def test_another_model_gets_signatures_of_its_own_and_those_of_the_former_one_go(connection: Connection) -> None:
    repository = new_repository(connection)
    write_chunks(connection, repository, [chunk(f"value{n}") for n in range(50)])
    build(connection, repository)
    former = signatures(repository)
    model = value(
        connection, "insert into pgdex.embedding_models (name, dimension) values ('other', %s) returning id", DIMENSION
    )
    connection.execute("update pgdex.repositories set model_id = %s", [model])
    again = SyntheticRepository(repository.id, repository.view_id, model)

    write_chunks(connection, again, [chunk("of the other model")], path_of=lambda _: "other.py")
    build(connection, again)
    write_chunks(connection, again, [chunk("another one")], path_of=lambda _: "another.py")

    assert value(connection, "select to_regclass(%s)", former) is None
    signed, chunks = rows_of(connection, again)
    assert signed == chunks
    assert len(chunks) == 2


def test_a_change_of_the_model_waits_for_no_search_and_keeps_none_waiting(
    database_url: str, connection: Connection
) -> None:
    repository = new_repository(connection)
    write_chunks(connection, repository, [chunk(f"value{n}") for n in range(50)])
    build(connection, repository)
    model = value(
        connection, "insert into pgdex.embedding_models (name, dimension) values ('other', %s) returning id", DIMENSION
    )
    connection.execute("update pgdex.repositories set model_id = %s", [model])
    again = SyntheticRepository(repository.id, repository.view_id, model)
    write_chunks(connection, again, [chunk("of the other model")], path_of=lambda _: "other.py")
    read = f"select count(*) from pgdex.chunks_r{repository.id}"
    with connect(settings_for(database_url)) as searcher:
        searcher.execute("set lock_timeout = '1s'")
        with searcher.transaction():
            searcher.execute(read)
            connection.execute("set lock_timeout = '1s'")
            with connection.transaction():
                build(connection, again)
                searcher.execute(read)

    signed, chunks = rows_of(connection, again)
    assert signed == chunks
    assert len(chunks) == 1


def test_a_small_repository_has_none_and_is_compared_exactly(connection: Connection) -> None:
    repository = new_repository(connection)
    write_chunks(connection, repository, [chunk(f"value{n}") for n in range(50)])
    connection.execute("update pgdex.repositories set chunks = 50")

    connection.execute("select pgdex.build_signatures(%s, 50)", [repository.id])

    assert value(connection, "select to_regclass(%s)", signatures(repository)) is None


def test_a_repository_whose_model_is_not_known_yet_gets_none(connection: Connection) -> None:
    repository = new_repository(connection)
    write_chunks(connection, repository, [chunk(f"value{n}") for n in range(50)])
    connection.execute("update pgdex.repositories set model_id = null, embedding_dimension = null")

    build(connection, repository)

    assert value(connection, "select to_regclass(%s)", signatures(repository)) is None


def test_the_tables_go_with_their_repository(connection: Connection) -> None:
    repository = new_repository(connection)
    write_chunks(connection, repository, [chunk(f"value{n}") for n in range(50)])
    build(connection, repository)
    connection.execute("select pgdex.remove_repository(%s)", [repository.id])

    while value(connection, "select pgdex.remove_portion()"):
        pass

    left = "select count(*) from pg_class where relnamespace = 'pgdex'::regnamespace and relname like 'chunks\\_r%%'"
    assert value(connection, left) == 0


def test_their_bytes_are_counted_with_the_chunks(connection: Connection) -> None:
    repository = new_repository(connection)
    write_chunks(connection, repository, [chunk(f"value{n}") for n in range(50)])
    size = "select bytes from pgdex.chunk_bytes(array[%s::bigint])"
    before = value(connection, size, repository.id)

    build(connection, repository)

    of_signatures = value(connection, "select pg_total_relation_size(%s::regclass)", signatures(repository))
    assert value(connection, size, repository.id) == before + of_signatures


def test_whoever_may_read_may_search_by_them(database_url: str, connection: Connection) -> None:
    repository = new_repository(connection)
    write_chunks(connection, repository, [chunk(f"value{n}") for n in range(50)])
    build(connection, repository)
    with logged_in(database_url, READER) as reader:
        found = nearest(reader, repository, vector_text(np.full(DIMENSION, DIMENSION**-0.5, dtype=np.float32)))
    assert len(found) == NEAREST


def test_a_search_that_began_before_they_were_made_or_dropped_finds_all_the_same(
    database_url: str, connection: Connection
) -> None:
    repository = new_repository(connection)
    write_chunks(connection, repository, [chunk(f"value{n}") for n in range(50)])
    anywhere = vector_text(np.full(DIMENSION, DIMENSION**-0.5, dtype=np.float32))
    with connect(settings_for(database_url)) as searcher:
        searcher.execute("begin isolation level repeatable read")
        searcher.execute("select count(*) from pgdex.repositories")
        build(connection, repository)

        before = nearest(searcher, repository, anywhere)
        searcher.execute("commit")
        searcher.execute("begin isolation level repeatable read")
        searcher.execute("select count(*) from pgdex.repositories")
        connection.execute("select pgdex.drop_signatures(%s)", [repository.id])
        after = nearest(searcher, repository, anywhere)

    assert len(before) == len(after) == NEAREST


def test_two_views_that_end_at_once_make_them_once(database_url: str, connection: Connection) -> None:
    repository = new_repository(connection)
    write_chunks(connection, repository, [chunk(f"value{n}") for n in range(50)])
    connection.execute("update pgdex.repositories set chunks = 50")
    statement = f"select pgdex.build_signatures({repository.id}, 10)"
    with connect(settings_for(database_url)) as other, ThreadPoolExecutor(1) as pool:
        with connection.transaction():
            connection.execute(statement)
            later = pool.submit(other.execute, statement)
            blocked = "select cardinality(pg_blocking_pids(%s)) > 0"
            wait_for(
                lambda: value(connection, blocked, other.info.backend_pid), what="the other one to wait", seconds=10
            )
        later.result(timeout=30)

    signed, chunks = rows_of(connection, repository)
    assert signed == chunks


@pytest.mark.parametrize(
    "statement",
    [
        # As an older release does that is installed over this one for a while: it knows none of these triggers.
        pytest.param("drop trigger {} on {}", id="an older release"),
        pytest.param("alter table {1} disable trigger {0}", id="a restore that was interrupted"),
        pytest.param("alter table {1} enable replica trigger {0}", id="a replica"),
    ],
)
def test_they_are_made_again_where_nothing_has_kept_them_right(connection: Connection, statement: str) -> None:
    repository = new_repository(connection)
    write_chunks(connection, repository, [chunk(f"value{n}") for n in range(50)])
    build(connection, repository)
    for trigger in ("added_chunks_have_signatures", "deleted_chunks_have_none"):
        connection.execute(statement.format(trigger, f"pgdex.chunks_r{repository.id}").encode())
    write_chunks(connection, repository, [chunk("meanwhile")], path_of=lambda _: "meanwhile.py")

    build(connection, repository)
    write_chunks(connection, repository, [chunk("later")], path_of=lambda _: "later.py")

    signed, chunks = rows_of(connection, repository)
    assert signed == chunks
    assert len(chunks) == 52
