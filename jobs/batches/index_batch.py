"""One batch of files: read, cut and embed with no transaction open, then written and committed at once."""

import time
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
import psycopg
from numpy.typing import NDArray
from procrastinate.exceptions import JobAborted

from pgdex.indexer.binary_formats import halfvec_numbers
from pgdex.indexer.chunk_terms import chunk_terms
from pgdex.indexer.embedding import BagEmbedder, Embedder, EmbedderError, EmbedderUnavailable, EmbeddingAborted
from pgdex.indexer.storage import IndexedFile, KeptFile, SkippedFile, UnchangedFile, stored_files
from pgdex.jobs.batches.claims import Claim
from pgdex.jobs.batches.commit import Outcome, commit_batch
from pgdex.jobs.batches.files import NOT_SEEN, CutFile, Vectors, embedding_text, failed, take_file, text_hash
from pgdex.jobs.batches.stopwatch import Stopwatch
from pgdex.jobs.batches.watchdog import file_in_hand
from pgdex.jobs.embedders import embedder_of_job

# Reading and cutting 32 small files takes 30 ms: most batches commit before they ever report.
REPORT_SECONDS = 0.5

# Chunks whose words are counted at once: 53 microseconds each, 69 where there are 100; some 30 ms in all.
TERM_BLOCK = 512


@dataclass(slots=True)
class BatchContent:
    """What became of a batch's files."""

    cut: list[CutFile] = field(default_factory=list)
    skipped: list[SkippedFile] = field(default_factory=list)
    unchanged: list[UnchangedFile] = field(default_factory=list)
    kept: list[KeptFile] = field(default_factory=list)


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
    embedder = embedder_of_job(claim.embedder, allowed=claim.embedder_allowed, aborted=claim.aborted)
    watch = Stopwatch()
    reporter = Reporter(claim)
    content = _read_and_cut(claim, embedder, watch, reporter)
    _add_terms_to_all(content, embedder, claim, reporter, watch)
    _embed([file for file in content.cut if file.embeddings is None], embedder, claim, reporter, watch)
    claim.stop_if_aborted()

    outcome = Outcome(
        indexed=[
            IndexedFile(
                path=file.path,
                language=file.language,
                size=file.source.size,
                mtime_ns=file.source.mtime_ns,
                content_hash=file.source.content_hash,
                chunks=file.chunks,
                lexemes=file.lexemes,
                term_weights=file.term_weights,
                embeddings=file.embeddings,
            )
            for file in content.cut
            if file.embeddings is not None
        ],
        skipped=content.skipped,
        unchanged=content.unchanged,
        kept=content.kept,
    )
    commit_batch(claim, outcome, watch)


def _read_and_cut(claim: Claim, embedder: Embedder, watch: Stopwatch, reporter: Reporter) -> BatchContent:
    paths = claim.paths or []
    with claim.pool.connection() as connection:
        stored = stored_files(connection, repository_id=claim.repository_id, paths=paths)
    content = BatchContent()
    with claim.opened_root() as root:
        for done, path in enumerate(paths):
            reporter.tell("chunking", chunked=done, embedded=0)
            with file_in_hand(path, alone=claim.is_suspect):
                if claim.is_suspect:
                    claim.hold(path)
                file = take_file(claim, root, path, stored.get(path), watch)
                if claim.is_suspect and isinstance(file, CutFile):
                    _add_terms([file], embedder, claim, reporter, watch)
                    # A service can't end this process, and a note in the database while it is waited for would blame
                    # the file.
                    if file.embeddings is None and not embedder.is_remote:
                        _embed([file], embedder, claim, reporter, watch)
                if claim.is_suspect:
                    claim.hold(None)
            match file:
                case CutFile():
                    content.cut.append(file)
                case SkippedFile():
                    content.skipped.append(file)
                case UnchangedFile():
                    content.unchanged.append(file)
                case KeptFile():
                    content.kept.append(file)
        with claim.folder_in_hand():
            claim.witness.require_mounts(root, _not_seen(content))
    return content


def _not_seen(content: BatchContent) -> list[str]:
    """The files that were listed and could not be read."""
    return [file.path for file in content.kept] + [file.path for file in content.skipped if file.reason in NOT_SEEN]


def _add_terms_to_all(
    content: BatchContent, embedder: Embedder, claim: Claim, reporter: Reporter, watch: Stopwatch
) -> None:
    """`_add_terms` to the files that lack them, all at once; one by one where that fails, to leave out whose fault it
    is."""
    files = [file for file in content.cut if not file.term_weights]
    try:
        _add_terms(files, embedder, claim, reporter, watch)
    except (JobAborted, EmbeddingAborted, EmbedderUnavailable, EmbedderError, psycopg.Error):
        raise
    except Exception:
        for file in files:
            try:
                _add_terms([file], embedder, claim, reporter, watch)
            except (JobAborted, EmbeddingAborted, EmbedderUnavailable, EmbedderError, psycopg.Error):
                raise
            except Exception as error:
                content.cut = [other for other in content.cut if other is not file]
                content.skipped.append(failed(file.path, error))


def _add_terms(files: list[CutFile], embedder: Embedder, claim: Claim, reporter: Reporter, watch: Stopwatch) -> None:
    """Set what lexical search needs, and the embeddings where the embedder works on the same bags of words."""
    chunks = [chunk for file in files for chunk in file.chunks]
    paths = [file.path for file in files for _ in file.chunks]
    ends = _ends(files)
    lexemes: list[bytes] = []
    weights: list[bytes] = []
    from_bags = embedder if isinstance(embedder, BagEmbedder) else None
    vectors = np.empty((len(chunks) if from_bags else 0, embedder.dimension if from_bags else 0), dtype=np.float32)
    for start in range(0, len(chunks), TERM_BLOCK):
        finished = int(np.searchsorted(ends, start, side="right"))
        reporter.tell("embedding", chunked=len(claim.paths or ()), embedded=finished)
        block = slice(start, start + TERM_BLOCK)
        with watch.time("chunking"):
            terms = chunk_terms(chunks[block], paths[block])
        lexemes += terms.lexemes
        weights += terms.weights
        if from_bags is not None:
            with watch.time("embedding"):
                vectors[block] = from_bags.embed_bags(terms.words)
    for file, end in zip(files, ends.tolist(), strict=True):
        part = slice(end - len(file.chunks), end)
        file.lexemes, file.term_weights = lexemes[part], weights[part]
        file.embeddings = vectors[part] if from_bags is not None else None


def _embed(files: list[CutFile], embedder: Embedder, claim: Claim, reporter: Reporter, watch: Stopwatch) -> None:
    """Set the embeddings; calls run across files, each of the provider's size."""
    if not files:
        return
    with watch.time("embedding"):
        texts = [embedding_text(file.path, chunk) for file in files for chunk in file.chunks]
        ends = _ends(files)
        vectors = np.empty((len(texts), embedder.dimension), dtype=np.float32)
        left = _not_known(texts, vectors, claim) if embedder.is_remote and not claim.embed_all else range(len(texts))
        # Asked once: an embedder whose service refuses a call as too large makes its own calls smaller from then on.
        size = embedder.batch_size
        for start in range(0, len(left), size):
            places = list(left[start : start + size])
            finished = int(np.searchsorted(ends, places[0], side="right"))
            reporter.tell("embedding", chunked=len(claim.paths or ()), embedded=finished)
            vectors[places] = embedder.embed([texts[place] for place in places], aborted=claim.aborted)
        for file, of_file in zip(files, np.split(vectors, ends[:-1]), strict=True):
            file.embeddings = of_file


def _not_known(texts: list[str], vectors: Vectors, claim: Claim) -> list[int]:
    """Set the vectors of the texts that this model has embedded in this project before; the others' places remain.

    Of an edited file that is all but the functions that changed, and after a branch is switched back, everything.
    """
    hashes = list(map(text_hash, texts))
    with claim.pool.connection() as connection:
        known: dict[UUID, bytes] = dict(
            connection.execute(
                "select text_hash, embedding from pgdex.known_embeddings(%s, %s::smallint, %s, %s)",
                [claim.repository_id, claim.model_id, claim.paths, hashes],
                binary=True,
            ).fetchall()
        )
    left = []
    for place, text in enumerate(hashes):
        if text in known:
            vectors[place] = halfvec_numbers(known[text])
        else:
            left.append(place)
    return left


def _ends(files: list[CutFile]) -> NDArray[np.int64]:
    """For each file the number of chunks up to its last one."""
    return np.cumsum([len(file.chunks) for file in files], dtype=np.int64)
