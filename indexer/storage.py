"""A batch's rows, written in the caller's transaction: files, and their chunks by binary COPY."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql

from pgdex.indexer.binary_formats import halfvecs
from pgdex.indexer.chunking import Chunk
from pgdex.indexer.format import INDEX_FORMAT

Connection = psycopg.Connection[tuple[Any, ...]]

# PostgreSQL's binary COPY: signature, flags, header extension; the trailer is a field count of -1.
COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_TRAILER = b"\xff\xff"
COPY_COLUMNS = (
    "repository_id",
    "file_id",
    "ordinal",
    "start_line",
    "end_line",
    "model_id",
    "kind",
    "symbol",
    "content",
    "lexemes",
    "term_weights",
    "embedding",
)
# The field count and the six integers, each with its length: one call packs them all.
FIXED_FIELDS = struct.Struct(">h iq iq ii ii ii ih")
LENGTH = struct.Struct(">i")
NULL = LENGTH.pack(-1)
COPY_BLOCK_BYTES = 256 * 1024


class ChunkTableMissing(RuntimeError):
    """A repository has no table for its chunks, so none of its files can be written."""


@dataclass(frozen=True, slots=True)
class IndexedFile:
    """A file that was read and cut: `lexemes` and `term_weights` hold one value in binary format for each chunk,
    `embeddings` has shape (len(chunks), dimension)."""

    path: str
    language: str
    size: int
    mtime_ns: int | None
    content_hash: bytes
    chunks: Sequence[Chunk]
    lexemes: Sequence[bytes]
    term_weights: Sequence[bytes]
    embeddings: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """A file that is known but not searchable, and why."""

    path: str
    size: int | None
    mtime_ns: int | None
    content_hash: bytes | None
    reason: str
    detail: str | None


@dataclass(frozen=True, slots=True)
class UnchangedFile:
    """A file whose content is what the index has already."""

    path: str
    size: int
    mtime_ns: int | None


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file that could not be looked at, and why; the index keeps what it has of it."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class StoredFile:
    """What the index knows of a file: the hash of its content, and what it was indexed with.

    No hash for a skipped one, which is looked at again.
    """

    file_id: int
    content_hash: bytes | None
    is_searchable: bool
    model_id: int | None
    index_format: int


def stored_files(connection: Connection, *, repository_id: int, paths: Sequence[str]) -> dict[str, StoredFile]:
    """The files of `paths` that the index has, searchable or skipped."""
    rows = connection.execute(
        "select path, id, case when skip_reason is null then content_hash end, skip_reason is null, model_id,"
        " index_format from pgdex.files where repository_id = %s and path = any(%s)",
        [repository_id, list(paths)],
    )
    return {path: StoredFile(*known) for path, *known in rows}


def write_files(
    connection: Connection,
    *,
    repository_id: int,
    model_id: int,
    indexed: Sequence[IndexedFile] = (),
    skipped: Sequence[SkippedFile] = (),
    unchanged: Sequence[UnchangedFile] = (),
) -> int:
    """Write a batch and return the number of chunks. The repository must have a table (`ensure_chunk_partition`).

    Replaces whatever the index had of these files. Commits nothing: the caller's transaction does.
    """
    if unchanged:
        connection.execute(
            "select pgdex.touch_files(%s, %s, %s, %s)",
            [
                repository_id,
                [file.path for file in unchanged],
                [file.size for file in unchanged],
                [file.mtime_ns for file in unchanged],
            ],
        )
    if not indexed and not skipped:
        return 0
    written: list[IndexedFile | SkippedFile] = [*indexed, *skipped]
    ids: dict[str, int] = dict(
        connection.execute(
            "select path, id from pgdex.store_files(%s, %s::text[], %s::text[], %s::bigint[], %s::bigint[],"
            " %s::bytea[], %s::integer[], %s::text[], %s::text[], %s::smallint, %s::smallint)",
            [
                repository_id,
                [file.path for file in written],
                [file.language for file in indexed] + [None] * len(skipped),
                [file.size for file in written],
                [file.mtime_ns for file in written],
                [file.content_hash for file in written],
                [len(file.chunks) for file in indexed] + [0] * len(skipped),
                [None] * len(indexed) + [file.reason for file in skipped],
                [None] * len(indexed) + [file.detail for file in skipped],
                model_id,
                INDEX_FORMAT,
            ],
        ).fetchall()
    )
    total = sum(len(file.chunks) for file in indexed)
    if total:
        held = connection.execute("select pgdex.lock_chunk_table(%s)", [repository_id]).fetchone()
        if held is None or held[0] is None:
            raise ChunkTableMissing(
                f"repository {repository_id} has no table for its chunks: ensure_chunk_partition makes it"
            )
        table = sql.Identifier("pgdex", held[0])
        columns = sql.SQL(", ").join(map(sql.Identifier, COPY_COLUMNS))
        statement = sql.SQL("copy {} ({}) from stdin (format binary)").format(table, columns)
        with connection.cursor().copy(statement) as copy:
            for block in _copy_blocks(repository_id, model_id, indexed, ids):
                copy.write(block)
    return total


def _copy_blocks(
    repository_id: int, model_id: int, files: Sequence[IndexedFile], ids: dict[str, int]
) -> Iterator[bytes]:
    """The binary COPY stream in blocks of about 256 KiB."""
    block = bytearray(COPY_HEADER)
    for file in files:
        file_id = ids[file.path]
        vectors = halfvecs(file.embeddings)
        rows = zip(file.chunks, file.lexemes, file.term_weights, vectors, strict=True)
        for ordinal, (chunk, *binaries) in enumerate(rows):
            block += FIXED_FIELDS.pack(
                len(COPY_COLUMNS),
                *(8, repository_id),
                *(8, file_id),
                *(4, ordinal),
                *(4, chunk.start_line),
                *(4, chunk.end_line),
                *(2, model_id),
            )
            for value in (chunk.kind.encode(), _encoded(chunk.symbol), chunk.content.encode()):
                block += NULL if value is None else LENGTH.pack(len(value)) + value
            for binary in binaries:
                block += LENGTH.pack(len(binary)) + binary
            if len(block) >= COPY_BLOCK_BYTES:
                yield bytes(block)
                block.clear()
    yield bytes(block + COPY_TRAILER)


def _encoded(text: str | None) -> bytes | None:
    return None if text is None else text.encode()


def storable(text: str) -> str:
    """Text that PostgreSQL takes: errors quote file names and contents, and those may hold anything."""
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()
