"""One batch of files: read, cut and embed with no transaction open, then written and committed at once."""

import json
import time
from dataclasses import dataclass, field

import numpy as np

from indexer.embedding import Embedder
from indexer.storage import IndexedFile, SkippedFile, UnchangedFile, stored_files, write_files
from jobs.claims import Claim
from jobs.embedders import embedder_for
from jobs.files import CutFile, embedding_text, take_file
from jobs.outages import until_back
from jobs.stopwatch import Stopwatch
from jobs.stuck import file_in_hand

# Reading and cutting 32 small files takes 30 ms: most batches commit before they ever report.
REPORT_SECONDS = 0.5


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
    model_id = claim.model_id
    embedder = embedder_for(claim.embedder, aborted=claim.aborted)
    watch = Stopwatch()
    reporter = Reporter(claim)
    content = _read_and_cut(claim, embedder, watch, reporter)
    with watch.time("embedding"):
        _embed(content.cut, embedder, claim, reporter)
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
            embeddings=file.embeddings,
        )
        for file in content.cut
        if file.embeddings is not None
    ]

    def commit() -> None:
        with claim.pool.connection() as connection, connection.transaction():
            chunks = write_files(
                connection,
                repository_id=claim.repository_id,
                model_id=model_id,
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

    # What was read, cut and embedded is not thrown away because the database restarts. Where the broken commit had
    # counted after all, or a peer has taken over, the fence refuses the second one.
    until_back(commit, stop=claim.stop_if_aborted, what="commit of a batch")


def _read_and_cut(claim: Claim, embedder: Embedder, watch: Stopwatch, reporter: Reporter) -> BatchContent:
    root = claim.root()
    paths = claim.paths or []
    with claim.pool.connection() as connection:
        stored = stored_files(connection, repository_id=claim.repository_id, paths=paths)
    content = BatchContent()
    for done, path in enumerate(paths):
        reporter.tell("chunking", chunked=done, embedded=0)
        with file_in_hand(path, alone=claim.is_suspect):
            if claim.is_suspect:
                claim.hold(path)
            file = take_file(claim, root, path, stored.get(path), watch)
            # A service can't end this process, and a note in the database while it is waited for would blame the file.
            if claim.is_suspect and isinstance(file, CutFile) and not embedder.is_remote:
                texts = [embedding_text(path, chunk) for chunk in file.chunks]
                file.embeddings = embedder.embed(texts, aborted=claim.aborted)
            if claim.is_suspect:
                claim.hold(None)
        match file:
            case CutFile():
                content.cut.append(file)
            case SkippedFile():
                content.skipped.append(file)
            case UnchangedFile():
                content.unchanged.append(file)
    return content


def _embed(files: list[CutFile], embedder: Embedder, claim: Claim, reporter: Reporter) -> None:
    """Set the embeddings of the files that have none; calls run across files, each of the provider's size."""
    files = [file for file in files if file.embeddings is None]
    texts = [embedding_text(file.path, chunk) for file in files for chunk in file.chunks]
    last_text_of_file = np.cumsum([len(file.chunks) for file in files])
    vectors = np.empty((len(texts), embedder.dimension), dtype=np.float32)
    for start in range(0, len(texts), embedder.batch_size):
        finished = int(np.searchsorted(last_text_of_file, start, side="right"))
        reporter.tell("embedding", chunked=len(claim.paths or ()), embedded=finished)
        part = texts[start : start + embedder.batch_size]
        vectors[start : start + len(part)] = embedder.embed(part, aborted=claim.aborted)
    for file, part_of_file in zip(files, np.split(vectors, last_text_of_file[:-1]) if files else [], strict=True):
        file.embeddings = part_of_file
