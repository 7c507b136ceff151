"""Repositories of made-up chunks, many of them quickly: written as a worker writes them, but cut from no file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pgdex.indexer.chunk_terms import chunk_terms
from pgdex.indexer.chunking import Chunk
from pgdex.indexer.storage import IndexedFile, write_files
from pgdex.jobs.database.connection import Connection
from tests.support.job_checks import value

MODEL = "hashing:32"
DIMENSION = 32
BLOCK = 2_000


@dataclass(frozen=True, slots=True)
class SyntheticRepository:
    """A repository that no job made."""

    id: int
    view_id: int
    model_id: int


def new_repository(
    connection: Connection, root: str = "/synthetic", *, project: str = "default", own_table: bool = True
) -> SyntheticRepository:
    """A repository without chunks yet, with a table of its own, as large ones have it, or in a shared one."""
    connection.execute("insert into pgdex.projects (id) values (%s) on conflict do nothing", [project])
    connection.execute(
        "insert into pgdex.embedding_models (name, dimension) values (%s, %s) on conflict do nothing",
        [MODEL, DIMENSION],
    )
    model_id = value(connection, "select id from pgdex.embedding_models where name = %s", MODEL)
    repository_id = value(
        connection,
        "insert into pgdex.repositories (project_id, name, identity, model_id, embedding_model, embedding_dimension)"
        " values (%s, %s, %s, %s, %s, %s) returning id",
        *(project, root.rpartition("/")[2], f"folder:{root}", model_id, MODEL, DIMENSION),
    )
    view_id = value(
        connection,
        "insert into pgdex.views (repository_id, project_id, root, name, is_default, last_indexed_at)"
        " values (%s, %s, %s, %s, true, clock_timestamp()) returning id",
        *(repository_id, project, root, root.rpartition("/")[2]),
    )
    connection.execute("select pgdex.ensure_chunk_partition(%s, %s)", [repository_id, 1_000_000 if own_table else 0])
    return SyntheticRepository(repository_id, view_id, model_id)


def write_chunks(
    connection: Connection,
    repository: SyntheticRepository,
    chunks: Sequence[Chunk],
    *,
    path_of: Callable[[int], str] = "file{:06}.py".format,
    language_of: Callable[[int], str] = lambda _: "python",
    vectors: NDArray[np.float32] | None = None,
) -> None:
    """Each chunk in a file of its own; `path_of` and `language_of` tell of the file with a number."""
    if vectors is None:
        vectors = np.full((len(chunks), DIMENSION), DIMENSION**-0.5, dtype=np.float32)
    for start in range(0, len(chunks), BLOCK):
        block = slice(start, start + BLOCK)
        files = indexed_files(
            chunks[block],
            path_of=path_of,
            language_of=language_of,
            hash_of=lambda number: number.to_bytes(8, "big"),
            vectors=vectors[block],
            first=start,
        )
        with connection.transaction():
            write_files(
                connection,
                repository_id=repository.id,
                view_id=repository.view_id,
                model_id=repository.model_id,
                indexed=files,
            )


def indexed_files(
    chunks: Sequence[Chunk],
    *,
    path_of: Callable[[int], str],
    hash_of: Callable[[int], bytes],
    language_of: Callable[[int], str] = lambda _: "python",
    vectors: NDArray[np.float32] | None = None,
    first: int = 0,
) -> list[IndexedFile]:
    """Each chunk as a file of its own, of which the functions tell by its number, from `first` on; all vectors are
    alike unless given."""
    if vectors is None:
        vectors = np.full((len(chunks), DIMENSION), DIMENSION**-0.5, dtype=np.float32)
    paths = [path_of(first + row) for row in range(len(chunks))]
    terms = chunk_terms(chunks, paths)
    return [
        IndexedFile(
            path=path,
            language=language_of(first + row),
            size=100,
            mtime_ns=1,
            content_hash=hash_of(first + row),
            chunks=[chunks[row]],
            lexemes=[terms.lexemes[row]],
            term_weights=[terms.weights[row]],
            embeddings=vectors[row : row + 1],
        )
        for row, path in enumerate(paths)
    ]


def chunk(content: str, *symbols: str) -> Chunk:
    """A function of that content, which defines the symbols."""
    return Chunk(1, 1, "function", symbols[0] if symbols else None, content, symbols, symbols)
