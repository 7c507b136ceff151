"""Signatures of vectors: a large repository is searched fast and well before its vector index is built and whatever the
filter, and they are right whoever adds or deletes chunks."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import LiteralString

import numpy as np
import pytest
from numpy.typing import NDArray

from pgdex.indexer.search import SearchRequest
from pgdex.indexer.search.filters import Filters
from pgdex.indexer.search.retrievers import Candidates, find_vectors, vector_text
from pgdex.indexer.search.views import searched_tables, searched_views
from pgdex.jobs.database.connection import Connection, connect
from tests.integration.roles.members import READER, logged_in
from tests.support.databases import new_database, settings_for, url_of
from tests.support.job_checks import value
from tests.support.synthetic_chunks import DIMENSION, SyntheticRepository, chunk, new_repository, write_chunks
from tests.support.waiting import wait_for

CHUNKS = 12_000
QUERIES = 40
NEAREST = 10
ALL = 1_000_000
Vectors = NDArray[np.float32]
Found = list[tuple[int, int]]


def unit(vectors: NDArray[np.float64]) -> Vectors:
    scaled: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return scaled


def signatures(repository: SyntheticRepository) -> str:
    return f"pgdex.chunks_r{repository.id}_signatures_m{repository.model_id}"


def build(connection: Connection, repository: SyntheticRepository) -> None:
    connection.execute(
        "update pgdex.repositories set chunks = (select count(*) from pgdex.chunks c where c.repository_id = %s)"
        " where id = %s",
        [repository.id, repository.id],
    )
    connection.execute("select pgdex.build_signatures(%s, 10)", [repository.id])


def nearest(
    connection: Connection,
    repository: SyntheticRepository,
    vector: str,
    *,
    versions: list[int] | None = None,
    outside: list[int] | None = None,
    kinds: list[str] | None = None,
    candidates: int = 1000,
) -> Found:
    """The first ten, of 200."""
    rows = connection.execute(
        "select version_id, ordinal, score from pgdex.search_vectors(array[%s::bigint], %s::smallint, %s, %s,"
        " %s::bigint[], %s, %s::bigint[], %s, 200, p_exact_chunks => 10, p_candidates => %s)",
        [
            *(repository.id, repository.model_id, DIMENSION, vector),
            *(versions, None if versions is None else len(versions), outside, kinds, candidates),
        ],
    ).fetchall()
    scores = [row[-1] for row in rows]
    assert scores == sorted(scores, reverse=True)
    assert len({row[:2] for row in rows}) == len(rows)
    return [row[:2] for row in rows[:NEAREST]]


class Scene:
    """A repository of 12,000 chunks of two kinds, without a vector index, and queries of it."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.repository = new_repository(connection)
        generator = np.random.default_rng(11)
        topics = generator.normal(size=(300, DIMENSION))
        around = topics[np.arange(CHUNKS) % len(topics)] + generator.normal(scale=0.7, size=(CHUNKS, DIMENSION))
        self.queries = [
            vector_text(v) for v in unit(topics[:QUERIES] + generator.normal(scale=0.7, size=(QUERIES, DIMENSION)))
        ]
        write_chunks(connection, self.repository, [chunk(f"value{n}") for n in range(CHUNKS)], vectors=unit(around))
        connection.execute(f"update pgdex.chunks_r{self.repository.id} set kind = 'class' where version_id % 5 = 0")
        build(connection, self.repository)
        connection.execute(f"vacuum analyze pgdex.chunks_r{self.repository.id}")
        # As questions are to code: near to nothing.
        self.far_queries = [vector_text(v) for v in unit(generator.normal(size=(QUERIES, DIMENSION)))]
        rows = connection.execute("select id from pgdex.versions order by id").fetchall()
        self.versions = [version for (version,) in rows]


@pytest.fixture(scope="module")
def scene(server_url: str, template: str) -> Iterator[Scene]:
    with (
        new_database(server_url, template=template) as name,
        connect(settings_for(url_of(server_url, name))) as connection,
    ):
        yield Scene(connection)


@pytest.mark.parametrize("narrowed", ["nothing", "a third", "all but some", "a kind"])
def test_signatures_find_the_ten_nearest_whatever_the_filter(scene: Scene, narrowed: str) -> None:
    versions = scene.versions[::3] if narrowed == "a third" else None
    outside = scene.versions[:500] if narrowed == "all but some" else None
    kinds = ["class"] if narrowed == "a kind" else None
    found = {}
    for name in ("by signatures", "exact"):
        if name == "exact":
            scene.connection.execute("begin")
            scene.connection.execute("select pgdex.drop_signatures(%s)", [scene.repository.id])
        found[name] = [
            nearest(scene.connection, scene.repository, query, versions=versions, outside=outside, kinds=kinds)
            for query in scene.queries
        ]
    scene.connection.execute("rollback")

    same = sum(len(set(one) & set(other)) for one, other in zip(found["by signatures"], found["exact"], strict=True))

    assert all(len(one) == NEAREST for one in found["exact"])
    assert same / (NEAREST * QUERIES) >= 0.98
    allowed = set(versions or scene.versions) - set(outside or [])
    assert {version for one in found["by signatures"] for version, _ in one} <= allowed


def test_a_search_reads_the_signatures_and_only_the_best_chunks(scene: Scene) -> None:
    read = "select seq_scan, coalesce(idx_tup_fetch, 0) from pg_stat_user_tables where relname = %s"
    before = statistics(scene.connection, read, f"chunks_r{scene.repository.id}")

    nearest(scene.connection, scene.repository, scene.queries[0])

    after = statistics(scene.connection, read, f"chunks_r{scene.repository.id}")
    assert after[0] == before[0]
    assert 0 < after[1] - before[1] <= 1000


def statistics(connection: Connection, query: LiteralString, name: str) -> tuple[int, ...]:
    """A row of PostgreSQL's counters, with all that this session has done."""
    connection.execute("select pg_stat_force_next_flush()")
    row = connection.execute(query, [name]).fetchone()
    assert row is not None
    return tuple(row)


def test_without_a_filter_the_vector_index_is_used_once_it_is_there(scene: Scene) -> None:
    assert value(scene.connection, "select pgdex.build_vector_index(%s::bigint, 1000)", scene.repository.id) is True
    index = value(
        scene.connection,
        "select pgdex.vector_index_name(%s::bigint, %s::smallint)",
        *(scene.repository.id, scene.repository.model_id),
    )
    scans = "select idx_scan from pg_stat_user_indexes where indexrelname = %s"
    scene.connection.execute("set enable_seqscan = off")

    nearest(scene.connection, scene.repository, scene.queries[0])
    unfiltered = statistics(scene.connection, scans, index)
    nearest(scene.connection, scene.repository, scene.queries[0], kinds=["class"])
    filtered = statistics(scene.connection, scans, index)

    scene.connection.execute("reset enable_seqscan")
    scene.connection.execute("select pgdex.drop_vector_indexes(%s, null)", [scene.repository.id])
    assert (unfiltered, filtered) == ((1,), (1,))


@pytest.fixture
def indexed(scene: Scene) -> Iterator[Scene]:
    """The scene with its vector index, in a transaction of its own that is rolled back."""
    with scene.connection.transaction(force_rollback=True):
        assert value(scene.connection, "select pgdex.build_vector_index(%s::bigint, 1000)", scene.repository.id) is True
        scene.connection.execute("set local enable_seqscan = off")
        yield scene


def few_nearest(scene: Scene, vector: str, known: Found) -> Found:
    """The ten nearest by the vector index, which keeps so few candidates that it misses some."""
    rows = scene.connection.execute(
        "select version_id, ordinal from pgdex.search_vectors(array[%s::bigint], %s::smallint, %s, %s, null, null,"
        " null, null, 10, p_ef_search => 1, p_candidates => 1000, p_known_versions => %s::bigint[],"
        " p_known_ordinals => %s::integer[])",
        [
            *(scene.repository.id, scene.repository.model_id, DIMENSION, vector),
            *([version for version, _ in known], [ordinal for _, ordinal in known]),
        ],
    ).fetchall()
    assert len(set(rows)) == len(rows) == NEAREST
    return rows


def exactly_nearest(scene: Scene, vector: str) -> Found:
    """The ten nearest of all chunks."""
    return scene.connection.execute(
        "select version_id, ordinal from pgdex.search_by_signatures(%s, %s::smallint, %s, %s, null, null, null, 10,"
        " %s)",
        [scene.repository.id, scene.repository.model_id, DIMENSION, vector, CHUNKS],
    ).fetchall()


def scans_of_signatures(scene: Scene) -> int:
    """How often this transaction has read all signatures, or a sample of them."""
    name = signatures(scene.repository)
    scans = value(scene.connection, "select pg_stat_get_xact_numscans(%s::regclass)", name)
    assert isinstance(scans, int)
    return scans


def test_what_the_vector_index_misses_is_found_where_a_chunk_that_words_found_proves_it(indexed: Scene) -> None:
    proven, found, least = 0, 0, []
    for query in indexed.far_queries:
        by_index, exact = few_nearest(indexed, query, []), exactly_nearest(indexed, query)
        missed = [one for one in exact if one not in by_index]
        if not missed:
            continue
        before = scans_of_signatures(indexed)
        mended = few_nearest(indexed, query, [missed[-1], by_index[0]])
        assert scans_of_signatures(indexed) > before
        proven += 1
        found += len(set(mended) & set(exact))
        least.append(missed[-1] in mended)

    assert proven >= 5
    assert all(least)
    assert found / (NEAREST * proven) >= 0.98


def test_signatures_are_left_alone_where_words_found_nothing_nearer_than_the_index_did(indexed: Scene) -> None:
    query = indexed.queries[0]
    by_index, exact = few_nearest(indexed, query, []), exactly_nearest(indexed, query)
    farther = [(version, 0) for version in indexed.versions if (version, 0) not in exact][:50]
    before = scans_of_signatures(indexed)

    found = few_nearest(indexed, query, [*by_index, *(one for one in farther if one not in by_index)])

    assert found == by_index == exact
    assert scans_of_signatures(indexed) == before


def test_a_search_compares_what_its_words_have_found_and_nothing_else(indexed: Scene) -> None:
    connection, repository = indexed.connection, indexed.repository
    connection.execute("update pgdex.views set chunks = %s", [CHUNKS])  # as the end of a job counts
    views = searched_views(connection, SearchRequest("value", project_id="default"))
    (table,) = searched_tables(views)
    scope = Filters().within(connection, views)
    candidates = Candidates()
    found_by_words, found_by_path = indexed.versions[:70], indexed.versions[70:100]
    for version in found_by_words:
        candidates.at(repository.id, version, 0).lexical = 1.0
    for version in found_by_path:
        candidates.at(repository.id, version, 0).path_is_asked_for = True
    key = f"pgdex.chunks_r{repository.id}_pkey"
    scans = "select pg_stat_get_xact_numscans(%s::regclass)"
    before = value(connection, scans, key)

    find_vectors(connection, table, indexed.queries[0], scope, candidates)

    assert value(connection, scans, key) - before == len(found_by_words)


def test_chunks_that_lie_together_are_found_however_few_pages_are_sampled(connection: Connection) -> None:
    repository = new_repository(connection)
    generator = np.random.default_rng(3)
    vectors = generator.normal(size=(CHUNKS, DIMENSION))
    topic = generator.normal(size=DIMENSION)
    together = slice(5_000, 5_400)
    vectors[together] = topic + generator.normal(scale=0.5, size=(400, DIMENSION))
    write_chunks(connection, repository, [chunk(f"value{n}") for n in range(CHUNKS)], vectors=unit(vectors))
    query = vector_text(unit(topic[None])[0])
    exact = nearest(connection, repository, query)
    build(connection, repository)

    assert len(set(nearest(connection, repository, query, candidates=300)) & set(exact)) >= NEAREST - 1


def test_vectors_of_mostly_zeros_are_found_too_however_few_words_the_other_chunks_have(connection: Connection) -> None:
    """As those of the embedder `hashing`: by the bits that differ alone, short chunks are near to everything."""
    repository = new_repository(connection)
    generator = np.random.default_rng(5)
    signs = generator.choice([-1.0, 1.0], size=DIMENSION)
    vectors = np.zeros((4_000, DIMENSION))
    for number, vector in enumerate(vectors):
        few = generator.choice(DIMENSION, size=max(2, DIMENSION // (3 if number % 20 == 0 else 30)), replace=False)
        vector[few] = signs[few]
    write_chunks(connection, repository, [chunk(f"value{n}") for n in range(len(vectors))], vectors=unit(vectors))
    query = vector_text(unit(vectors[::20][:1])[0])
    exact = nearest(connection, repository, query)
    build(connection, repository)

    assert len(set(nearest(connection, repository, query, candidates=200)) & set(exact)) >= NEAREST - 1


def rows_of(
    connection: Connection, repository: SyntheticRepository
) -> tuple[set[tuple[int, int]], set[tuple[int, int]]]:
    """The chunks that have a signature, and those that should."""
    signed = connection.execute(f"select version_id, ordinal from {signatures(repository)}").fetchall()
    assert len(set(signed)) == len(signed)
    chunks = connection.execute(
        f"select version_id, ordinal from pgdex.chunks_r{repository.id} where model_id = %s", [repository.model_id]
    ).fetchall()
    return set(signed), set(chunks)


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


@pytest.mark.parametrize(("chunks", "kept"), [(50, 500), (800_000, 800), (5_000_000, 1000)])
def test_the_vector_index_keeps_more_candidates_the_larger_it_is(
    connection: Connection, chunks: int, kept: int
) -> None:
    """The more chunks there are, the more of them lie between a query and what is nearest to it."""
    repository = new_repository(connection)
    write_chunks(connection, repository, [chunk(f"value{n}") for n in range(50)])
    connection.execute("update pgdex.repositories set chunks = %s", [chunks])

    with connection.transaction():
        nearest(connection, repository, vector_text(unit(np.random.default_rng(1).normal(size=(1, DIMENSION)))[0]))
        assert value(connection, "select current_setting('hnsw.ef_search')::integer") == kept


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
