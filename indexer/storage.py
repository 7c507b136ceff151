"""A batch's rows, written in the caller's transaction: versions, their chunks by binary COPY, and the view's files."""

import struct
from collections.abc import Iterator, Mapping, Sequence
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
    "version_id",
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
# The promise that a version which a view holds is there.
VERSION_KEY = "view_files_version_id_fkey"


class ChunkTableMissing(RuntimeError):
    """A repository has no table for its chunks, so none of its files can be written."""


class VersionGone(RuntimeError):
    """A version that was found when the files were read has been removed since: they have to be read again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedFile:
    """A file that was read and cut: `lexemes` and `term_weights` hold one value in binary format for each chunk,
    `embeddings` has shape (len(chunks), dimension). Times are in nanoseconds, None where a later change may not show
    in them; `blob_id` is git's name of the content."""

    path: str
    language: str
    size: int
    mtime_ns: int | None
    ctime_ns: int | None = None
    inode: int | None = None
    content_hash: bytes
    blob_id: bytes | None = None
    chunks: Sequence[Chunk]
    lexemes: Sequence[bytes]
    term_weights: Sequence[bytes]
    embeddings: NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedFile:
    """A file that is known but not searchable, and why. Without a hash it is looked at again by the next job."""

    path: str
    size: int | None = None
    mtime_ns: int | None = None
    ctime_ns: int | None = None
    inode: int | None = None
    content_hash: bytes | None = None
    blob_id: bytes | None = None
    reason: str
    detail: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnchangedFile:
    """A file whose content the repository has already, as this version."""

    path: str
    size: int
    mtime_ns: int | None
    ctime_ns: int | None
    inode: int | None
    blob_id: bytes
    version_id: int


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file that could not be looked at, and why; the view keeps what it has of it."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """A searchable version of a file: what it was indexed with."""

    id: int
    model_id: int | None
    index_format: int


@dataclass(frozen=True, slots=True)
class StoredFile:
    """What the repository has of a file: its searchable versions by the hash of their content, and whether one of them
    is in the view now."""

    versions: Mapping[bytes, StoredVersion]
    is_searchable: bool


def stored_files(
    connection: Connection, *, repository_id: int, view_id: int, paths: Sequence[str]
) -> dict[str, StoredFile]:
    """The files of `paths` that the repository has searchable versions of, in whichever view."""
    rows = connection.execute(
        # Not `exists`, and no join: for some paths PostgreSQL would read all files of the view first.
        "select v.path, v.content_hash, v.id, v.model_id, v.index_format,"
        " (select true from pgdex.view_files e where e.version_id = v.id and e.view_id = %s) is not null"
        " from pgdex.versions v where v.repository_id = %s and v.path = any(%s) and v.skip_reason is null",
        [view_id, repository_id, list(paths)],
        # Planned for each batch: a plan from the first ones, when there are few rows, would read all of them each time.
        prepare=False,
    )
    versions: dict[str, dict[bytes, StoredVersion]] = {}
    in_view = set()
    for path, content_hash, version_id, model_id, index_format, is_in_view in rows:
        versions.setdefault(path, {})[content_hash] = StoredVersion(version_id, model_id, index_format)
        if is_in_view:
            in_view.add(path)
    return {path: StoredFile(known, path in in_view) for path, known in versions.items()}


def write_files(
    connection: Connection,
    *,
    repository_id: int,
    view_id: int,
    model_id: int,
    indexed: Sequence[IndexedFile] = (),
    skipped: Sequence[SkippedFile] = (),
    unchanged: Sequence[UnchangedFile] = (),
    force: bool = False,
) -> int:
    """Write a batch and return the number of chunks. The repository must have a table (`ensure_chunk_partition`).

    The view has these versions of the files from now on. A version that the repository had already is not written again
    unless `force` says so. Commits nothing: the caller's transaction does. Raises VersionGone, ChunkTableMissing.
    """
    read: list[IndexedFile | SkippedFile] = [*indexed, *(file for file in skipped if file.content_hash is not None)]
    stored = _store_versions(connection, repository_id, model_id, read, force=force)
    total = _copy_chunks(
        connection, repository_id, model_id, [file for file in indexed if stored[file.path].is_written], stored
    )
    _note_blob_ids(connection, unchanged)
    ids = {path: version.id for path, version in stored.items()}
    ids |= {file.path: file.version_id for file in unchanged}
    files: list[IndexedFile | SkippedFile | UnchangedFile] = [*indexed, *skipped, *unchanged]
    if files:
        try:
            connection.execute(
                "select pgdex.set_view_files(%s, %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],"
                " %s::bigint[], %s::text[], %s::text[])",
                [
                    view_id,
                    [file.path for file in files],
                    [ids.get(file.path) for file in files],
                    [file.size for file in files],
                    [file.mtime_ns for file in files],
                    [file.ctime_ns for file in files],
                    [file.inode for file in files],
                    *_reasons(files),
                ],
            )
        except psycopg.errors.ForeignKeyViolation as error:
            if error.diag.constraint_name != VERSION_KEY:
                raise
            raise VersionGone("a version that was to be taken over has just been removed") from error
    return total


def _reasons(
    files: Sequence[IndexedFile | SkippedFile | UnchangedFile],
) -> tuple[list[str | None] | None, list[str | None] | None]:
    """Why files are skipped, and in which words; None, which unnest() fills up, where none of them is."""
    if not any(isinstance(file, SkippedFile) for file in files):
        return None, None
    return (
        [file.reason if isinstance(file, SkippedFile) else None for file in files],
        [file.detail if isinstance(file, SkippedFile) else None for file in files],
    )


def _note_blob_ids(connection: Connection, unchanged: Sequence[UnchangedFile]) -> None:
    """A version that was read before its folder was a git repository, or with the other kind of ids, has git's name
    from now on: the next view finds it without reading."""
    if unchanged:
        connection.execute(
            "select pgdex.note_blob_ids(%s::bigint[], %s::bytea[])",
            [[file.version_id for file in unchanged], [file.blob_id for file in unchanged]],
        )


@dataclass(frozen=True, slots=True)
class _Written:
    """A version in the database; `is_written` says that its chunks are still to be copied."""

    id: int
    is_written: bool


def _store_versions(
    connection: Connection,
    repository_id: int,
    model_id: int,
    files: Sequence[IndexedFile | SkippedFile],
    *,
    force: bool,
) -> dict[str, _Written]:
    """The versions of files by path."""
    if not files:
        return {}
    rows = connection.execute(
        "select path, id, is_written from pgdex.store_versions(%s, %s::text[], %s::text[], %s::bigint[], %s::bytea[],"
        " %s::bytea[], %s::integer[], %s::text[], %s::text[], %s::smallint, %s::smallint, %s)",
        [
            repository_id,
            [file.path for file in files],
            [file.language if isinstance(file, IndexedFile) else None for file in files],
            [file.size for file in files],
            [file.content_hash for file in files],
            [file.blob_id for file in files],
            [len(file.chunks) if isinstance(file, IndexedFile) else 0 for file in files],
            *_reasons(files),
            model_id,
            INDEX_FORMAT,
            force,
        ],
    )
    stored = {path: _Written(version_id, is_written) for path, version_id, is_written in rows}
    if len(stored) < len(files):
        raise VersionGone("a version that another view had just written has been removed again")
    return stored


def _copy_chunks(
    connection: Connection,
    repository_id: int,
    model_id: int,
    files: Sequence[IndexedFile],
    stored: Mapping[str, _Written],
) -> int:
    """Write the chunks of the files; returns how many."""
    total = sum(len(file.chunks) for file in files)
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
            for block in _copy_blocks(repository_id, model_id, files, stored):
                copy.write(block)
    return total


def _copy_blocks(
    repository_id: int, model_id: int, files: Sequence[IndexedFile], stored: Mapping[str, _Written]
) -> Iterator[bytes]:
    """The binary COPY stream in blocks of about 256 KiB."""
    fields = len(COPY_COLUMNS)
    length = LENGTH.pack
    parts: list[bytes] = [COPY_HEADER]
    size = 0
    for file in files:
        version_id = stored[file.path].id
        vectors = halfvecs(file.embeddings)
        rows = zip(file.chunks, file.lexemes, file.term_weights, vectors, strict=True)
        for ordinal, (chunk, lexemes, weights, vector) in enumerate(rows):
            first, last = chunk.start_line, chunk.end_line
            content = chunk.content.encode()
            parts += (
                FIXED_FIELDS.pack(fields, 8, repository_id, 8, version_id, 4, ordinal, 4, first, 4, last, 2, model_id),
                *(_text_field(chunk.kind), NULL if chunk.symbol is None else _text_field(chunk.symbol)),
                *(length(len(content)), content),
                *(length(len(lexemes)), lexemes, length(len(weights)), weights, length(len(vector)), vector),
            )
            size += len(content) + len(lexemes) + len(weights) + len(vector)
            if size >= COPY_BLOCK_BYTES:
                yield b"".join(parts)
                parts.clear()
                size = 0
    parts.append(COPY_TRAILER)
    yield b"".join(parts)


def _text_field(text: str) -> bytes:
    encoded = text.encode()
    return LENGTH.pack(len(encoded)) + encoded
