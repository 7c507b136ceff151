"""The physical floor: the indexer's own steps as bare loops in N processes, with no jobs around them.

Walk, then for each file read, cut, make lexemes, embed and COPY, with one transaction for every 32 files: what is left
when the queue, the fences, the progress and the events are taken away.
"""

import multiprocessing
import time
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

import psycopg

from pgdex.indexer.chunk_terms import chunk_terms
from pgdex.indexer.chunking import chunk_file
from pgdex.indexer.embedding import BagEmbedder, open_embedder
from pgdex.indexer.languages import language_of
from pgdex.indexer.sources import SourceText, read_source, walk
from pgdex.indexer.storage import IndexedFile, write_files

BATCH_FILES = 32
MAX_FILE_BYTES = 1 << 20


def run_floor(root: Path, *, conninfo: str, embedder: str, processes: int) -> float:
    """Index `root` as the project `floor` with bare loops and return the wall seconds."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("insert into pgdex.projects (id) values ('floor') on conflict do nothing")
        row = connection.execute(
            "insert into pgdex.repositories (project_id, name, root) values ('floor', 'floor', %s)"
            " on conflict (project_id, root) where removed_at is null do update set name = 'floor' returning id",
            [str(root)],
        ).fetchone()
        assert row is not None
        repository_id = row[0]
        connection.execute("delete from pgdex.files where repository_id = %s", [repository_id])
        connection.execute("select pgdex.ensure_chunk_partition(%s, 1000000)", [repository_id])
        connection.execute(f"truncate pgdex.chunks_r{repository_id}")
        connection.execute(f"drop index if exists pgdex.chunks_r{repository_id}_lexemes")
        opened = open_embedder(embedder)
        opened.probe()
        model = connection.execute("select pgdex.register_model(%s, %s)", [opened.name, opened.dimension]).fetchone()
        assert model is not None
        started = time.perf_counter()
        paths = [f.path for f in walk(root, max_file_bytes=MAX_FILE_BYTES) if f.skip_reason is None]
        batches = list(_batched(paths, BATCH_FILES))
        with multiprocessing.get_context("fork").Pool(
            processes, _prepare, (root, conninfo, embedder, repository_id, model[0])
        ) as pool:
            for _ in pool.imap_unordered(_index, batches, chunksize=1):
                pass
        connection.execute("select pgdex.build_indexes(%s)", [repository_id])
        return time.perf_counter() - started


def _batched(items: list[str], size: int) -> Iterator[list[str]]:
    return (items[start : start + size] for start in range(0, len(items), size))


class Bench:
    """What each process of the pool works with."""

    root: Path
    connection: psycopg.Connection[tuple[Any, ...]]
    embedder: BagEmbedder
    repository_id: int
    model_id: int


def _prepare(root: Path, conninfo: str, embedder: str, repository_id: int, model_id: int) -> None:
    Bench.root, Bench.repository_id, Bench.model_id = root, repository_id, model_id
    Bench.connection = psycopg.connect(conninfo, autocommit=True)
    opened = open_embedder(embedder)
    assert isinstance(opened, BagEmbedder), embedder
    Bench.embedder = opened
    Bench.embedder.probe()


def _index(paths: list[str]) -> None:
    files = []
    for path in paths:
        source = read_source(Bench.root, path, max_file_bytes=MAX_FILE_BYTES)
        if not isinstance(source, SourceText):
            continue
        language = language_of(path, source.text[:200].partition("\n")[0])
        chunks = chunk_file(source.text, language)
        files.append((path, language.name, source, chunks))
    terms = chunk_terms(
        [chunk for *_, chunks in files for chunk in chunks], [path for path, *_, chunks in files for _ in chunks]
    )
    vectors = Bench.embedder.embed_bags(terms.words)
    indexed = [
        IndexedFile(
            path=path,
            language=language,
            size=source.size,
            mtime_ns=source.mtime_ns,
            content_hash=source.content_hash,
            chunks=chunks,
            lexemes=terms.lexemes[end - len(chunks) : end],
            term_weights=terms.weights[end - len(chunks) : end],
            embeddings=vectors[end - len(chunks) : end],
        )
        for (path, language, source, chunks), end in zip(
            files, accumulate(len(chunks) for *_, chunks in files), strict=True
        )
    ]
    with Bench.connection.transaction():
        write_files(Bench.connection, repository_id=Bench.repository_id, model_id=Bench.model_id, indexed=indexed)
