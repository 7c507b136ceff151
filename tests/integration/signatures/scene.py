"""Repositories whose vectors have signatures, and searches of them."""

import numpy as np
from numpy.typing import NDArray

from pgdex.indexer.search.retrievers import vector_text
from pgdex.jobs.database.connection import Connection
from tests.support.synthetic_chunks import DIMENSION, SyntheticRepository, chunk, new_repository, write_chunks

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
