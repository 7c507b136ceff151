"""Signatures of vectors: a large repository is searched fast and well before its vector index is built, whatever the
filter, and where that index misses some."""

from collections.abc import Iterator
from typing import LiteralString

import numpy as np
import pytest

from pgdex.indexer.search import SearchRequest
from pgdex.indexer.search.filters import Filters
from pgdex.indexer.search.retrievers import Candidates, find_vectors, vector_text
from pgdex.indexer.search.views import searched_tables, searched_views
from pgdex.jobs.database.connection import Connection
from tests.integration.signatures.scene import (
    CHUNKS,
    NEAREST,
    QUERIES,
    Found,
    Scene,
    build,
    nearest,
    signatures,
    unit,
)
from tests.support.job_checks import value
from tests.support.synthetic_chunks import DIMENSION, chunk, new_repository, write_chunks


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
