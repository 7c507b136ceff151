"""One batch of files: read, cut and embed with no transaction open, then written and committed at once."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from indexer.chunking import Chunk, ChunkingAborted, ParseTimeout, chunk_file
from indexer.embedding import Embedder
from indexer.languages import Language, language_of
from indexer.lexemes import tsvector_binary, words
from indexer.sources import Skipped, SourceText, Unchanged, read_source
from indexer.storage import (
    IndexedFile,
    SkippedFile,
    StoredFile,
    UnchangedFile,
    stored_files,
    write_files,
)
from jobs.claims import Claim
from jobs.embedders import embedder_for

# Reading and cutting 32 small files takes 30 ms: most batches commit before they ever report.
REPORT_SECONDS = 0.5


class Stopwatch:
    """Seconds by phase."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def time(self, phase: str) -> Iterator[None]:
        """Add the time of the block to `phase`."""
        started = time.perf_counter()
        try:
            yield
        finally:
            passed = time.perf_counter() - started
            self.seconds[phase] = self.seconds.get(phase, 0.0) + passed


@dataclass(slots=True)
class CutFile:
    """A file between cutting and writing."""

    path: str
    language: str
    source: SourceText
    chunks: list[Chunk]
    lexemes: list[bytes]


@dataclass(slots=True)
class BatchContent:
    """What became of a batch's files."""

    cut: list[CutFile] = field(default_factory=list)
    skipped: list[SkippedFile] = field(default_factory=list)
    unchanged: list[UnchangedFile] = field(default_factory=list)


class Reporter:
    """Reports a batch's progress, but not more often than every REPORT_SECONDS."""

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        self._reported = time.perf_counter()

    def tell(self, phase: str, *, chunked: int, embedded: int) -> None:
        """Stop where the job was cancelled; report where it is time to."""
        self._claim.stop_if_aborted()
        if time.perf_counter() - self._reported >= REPORT_SECONDS:
            self._reported = time.perf_counter()
            self._claim.report(phase, chunked=chunked, embedded=embedded)


def index_files(claim: Claim) -> None:
    """Do one batch. Raises what the embedder raises; a file's own fault only ever skips the file."""
    assert claim.embedder is not None, "plan_job sets the model"
    assert claim.model_id is not None, "plan_job sets the model"
    embedder = embedder_for(claim.embedder)
    watch = Stopwatch()
    reporter = Reporter(claim)
    content = _read_and_cut(claim, watch, reporter)
    with watch.time("embedding"):
        embeddings = _embed(content.cut, embedder, claim, reporter)
    claim.stop_if_aborted()

    started = time.perf_counter()
    indexed = [
        IndexedFile(
            path=file.path,
            language=file.language,
            size=file.source.size,
            mtime_ns=file.source.mtime_ns,
            content_hash=file.source.content_hash,
            chunks=file.chunks,
            lexemes=file.lexemes,
            embeddings=vectors,
        )
        for file, vectors in zip(content.cut, embeddings, strict=True)
    ]
    with claim.pool.connection() as connection, connection.transaction():
        chunks = write_files(
            connection,
            repository_id=claim.repository_id,
            model_id=claim.model_id,
            indexed=indexed,
            skipped=content.skipped,
            unchanged=content.unchanged,
        )
        watch.seconds["writing"] = time.perf_counter() - started
        connection.execute(
            "select pgdex.complete_batch(%s, %s, %s, %s, %s, %s, %s, %s)",
            [
                claim.job_id,
                claim.seq,
                claim.attempt,
                len(indexed),
                len(content.skipped),
                len(content.unchanged),
                chunks,
                json.dumps(watch.seconds),
            ],
        )


def _read_and_cut(claim: Claim, watch: Stopwatch, reporter: Reporter) -> BatchContent:
    paths = claim.paths or []
    with claim.pool.connection() as connection:
        stored = stored_files(connection, repository_id=claim.repository_id, paths=paths)
    content = BatchContent()
    for done, path in enumerate(paths):
        reporter.tell("chunking", chunked=done, embedded=0)
        with watch.time("reading"):
            source = read_source(
                Path(claim.repo_path),
                path,
                max_file_bytes=claim.settings.max_file_bytes,
                known_hash=_known_hash(claim, stored.get(path)),
            )
        if isinstance(source, Unchanged):
            content.unchanged.append(UnchangedFile(path, source.size, source.mtime_ns))
        elif isinstance(source, Skipped):
            content.skipped.append(
                SkippedFile(
                    path=path,
                    size=source.size,
                    mtime_ns=source.mtime_ns,
                    content_hash=source.content_hash,
                    reason=source.reason.value,
                    detail=source.detail,
                )
            )
        else:
            with watch.time("chunking"):
                _cut(path, source, claim, content)
    return content


def _cut(path: str, source: SourceText, claim: Claim, content: BatchContent) -> None:
    language = language_of(path, source.text[:200].partition("\n")[0])
    try:
        try:
            chunks = chunk_file(source.text, language, aborted=claim.aborted)
        except ParseTimeout:
            # By lines it can still be found; a grammar that loops on rubbish is no reason to lose the file.
            chunks = chunk_file(source.text, Language(language.name, None), aborted=claim.aborted)
    except ChunkingAborted:
        claim.stop_if_aborted()
        raise
    path_words = words(path)
    lexemes = [tsvector_binary(words(" ".join(chunk.symbols)), path_words, words(chunk.content)) for chunk in chunks]
    content.cut.append(CutFile(path, language.name, source, chunks, lexemes))


def _known_hash(claim: Claim, stored: StoredFile | None) -> bytes | None:
    """The hash that makes reading on unnecessary; none where everything is to be done again."""
    return None if stored is None or claim.embed_all else stored.content_hash


def _embed(
    files: list[CutFile], embedder: Embedder, claim: Claim, reporter: Reporter
) -> list[np.ndarray[tuple[int, int], np.dtype[np.float32]]]:
    """One array of shape (chunks, dimension) for each file; calls run across files, each of the provider's size."""
    texts = [embedding_text(file.path, chunk) for file in files for chunk in file.chunks]
    last_text_of_file = np.cumsum([len(file.chunks) for file in files])
    vectors = np.empty((len(texts), embedder.dimension), dtype=np.float32)
    for start in range(0, len(texts), embedder.batch_size):
        finished = int(np.searchsorted(last_text_of_file, start, side="right"))
        reporter.tell("embedding", chunked=len(claim.paths or ()), embedded=finished)
        part = texts[start : start + embedder.batch_size]
        vectors[start : start + len(part)] = embedder.embed(part, aborted=claim.aborted)
    return np.split(vectors, last_text_of_file[:-1]) if files else []


def embedding_text(path: str, chunk: Chunk) -> str:
    """What is embedded of a chunk: where it stands, what it defines, and its lines."""
    return f"{path} {chunk.symbol or ''}\n{chunk.content}"
