"""The pipeline of indexing: paths in, rows out. Read, chunk, take the terms, embed; no database and no queue.

    with OpenedRoot(folder) as root:
        rows = Pipeline(embedder=open_embedder("code")).run(root, paths)
    write_files(connection, repository_id=…, view_id=…, model_id=…, indexed=rows.indexed, skipped=rows.skipped)

Everything that a caller may want to know or decide on the way is a callback or a mapping with a default: progress,
abort, what the index has already, what has crashed before. `run` does all at once; `read` and `embed` are its halves,
for a caller that closes the root, or looks at it again, before a service is waited for.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from pgdex.indexer.chunk_terms import chunk_terms
from pgdex.indexer.chunked_files import NOT_SEEN, ChunkedFile, Fallback, FileChunker, Reader, skip_failed
from pgdex.indexer.chunking import Chunk, ChunkingAborted
from pgdex.indexer.embedding import BagEmbedder, Embedder, EmbedderError, EmbeddingAborted
from pgdex.indexer.format import INDEX_FORMAT
from pgdex.indexer.numbered_parts import without_part
from pgdex.indexer.sources import DEFAULT_MAX_FILE_BYTES, OpenedRoot
from pgdex.indexer.stopwatch import Stopwatch
from pgdex.indexer.storage import IndexedFile, KeptFile, SkippedFile, StoredFile, UnchangedFile

# Chunks whose words are counted at once: 53 microseconds each, 69 where there are 100; some 30 ms in all.
TERM_BLOCK = 512

Vectors = NDArray[np.float32]


class IndexingAborted(Exception):
    """The caller's `aborted` said to stop. Nothing is wrong with the files or with the embedder."""


class KnownEmbeddings(Protocol):
    """Where vectors are found again that were made before."""

    def __call__(self, paths: Sequence[str], hashes: Sequence[UUID]) -> Mapping[UUID, Vectors]:
        """The vectors that are known of the texts with these hashes (`text_hash`), each of shape (dimension,); texts
        without one are left out.

        `paths` are the files that the texts come from. Asked once, before the embedder. What this raises ends the run.
        """


class KeepEmbeddings(Protocol):
    """Where vectors go that were made before the embedder failed, so that nobody has to pay for them again."""

    def __call__(self, hashes: Sequence[UUID], vectors: Vectors) -> None:
        """Keep these vectors of the texts with these hashes: shape (len(hashes), dimension). What this raises replaces
        the embedder's error."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: how many of its files are read and chunked, and how many are embedded, by the share of their
    texts that is: one file may have as many as all the others."""

    phase: Literal["chunking", "embedding"]
    chunked: int
    embedded: int


@dataclass(slots=True)
class ReadFiles:
    """What became of the files of a run after they were read; `chunked` are still without embeddings."""

    chunked: list[ChunkedFile] = field(default_factory=list)
    skipped: list[SkippedFile] = field(default_factory=list)
    unchanged: list[UnchangedFile] = field(default_factory=list)
    kept: list[KeptFile] = field(default_factory=list)

    @property
    def not_seen(self) -> list[str]:
        """The files that were listed and could not be read."""
        return [file.path for file in self.kept] + [file.path for file in self.skipped if file.reason in NOT_SEEN]

    @property
    def total(self) -> int:
        """How many files were read."""
        return len(self.chunked) + len(self.skipped) + len(self.unchanged) + len(self.kept)


@dataclass(slots=True)
class Rows:
    """What became of the files of a run, as it is to be written. Each file is in one of the lists, in the order of its
    path in the run; files that turned out to be unindexable late are at the end of `skipped`."""

    indexed: list[IndexedFile] = field(default_factory=list)
    skipped: list[SkippedFile] = field(default_factory=list)
    unchanged: list[UnchangedFile] = field(default_factory=list)
    kept: list[KeptFile] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """One way of indexing files. For one thread, and for any number of runs."""

    embedder: Embedder
    max_file_bytes: int = DEFAULT_MAX_FILE_BYTES
    document_seconds: float = 45.0
    """How long extracting the text of one PDF or Word document may take."""
    model_id: int | None = None
    """The embedder's number in the index: a file that is stored with another model is done again."""
    force: bool = False
    """Whether files are done again although their content is what the index has."""
    aborted: Callable[[], bool] = lambda: False
    """Whether to stop. Asked between files, every 20 ms while one is parsed, and during calls of a service, so it must
    be cheap, and must not raise."""
    progress: Callable[[Progress], None] = lambda _: None
    """Told before each file, each block of chunks and each call of the embedder. What this raises ends the run."""
    guard: Callable[[str], AbstractContextManager[object]] = nullcontext
    """Entered with the path of a file while the file is read and chunked. What this raises ends the run."""
    one_by_one: bool = False
    """Whether terms and embeddings are made under the guard as well, file by file, so that a process which crashes was
    crashed by the file under it. An embedder that is a service is left out: it can't crash this process, and it may be
    waited for so long that the guard would blame the file."""
    fallbacks: Mapping[str, Fallback] = field(default_factory=dict)
    """By path the files with which less is tried."""
    known: KnownEmbeddings | None = None
    """Asked for vectors before the embedder is."""
    pace: Callable[[Sequence[str]], None] = lambda _: None
    """Called with the texts of each call of the embedder before it: it may wait, and returns when `aborted` turns true.
    What this raises ends the run."""
    keep: KeepEmbeddings | None = None
    """Given what the embedder had made when it raised EmbedderError."""
    stopwatch: Stopwatch = field(default_factory=Stopwatch)
    """Where the time of all runs goes: "reading", "chunking" (terms too), "embedding"."""

    def run(
        self, root: Path | OpenedRoot | Reader, paths: Sequence[str], *, stored: Mapping[str, StoredFile] | None = None
    ) -> Rows:
        """`read` and `embed`. Raises what they raise."""
        return self.embed(self.read(root, paths, stored=stored))

    def read(
        self, root: Path | OpenedRoot | Reader, paths: Sequence[str], *, stored: Mapping[str, StoredFile] | None = None
    ) -> ReadFiles:
        """Read and chunk the files at `paths` below `root`; `stored` is what the index has of them.

        A file's own fault only ever skips the file. Raises IndexingAborted, RootUnavailable, what the callbacks raise,
        and with `one_by_one` what `embed` raises.
        """
        chunker = FileChunker(
            max_file_bytes=self.max_file_bytes,
            document_seconds=self.document_seconds,
            aborted=self.aborted,
            stopwatch=self.stopwatch,
        )
        stored = stored or {}
        content = ReadFiles()
        for done, path in enumerate(paths):
            self._go_on("chunking", done, content)
            with self.guard(path):
                known = stored.get(path)
                try:
                    file = chunker.chunked(
                        root,
                        path,
                        stored=known,
                        known=self._known_versions(known),
                        fallback=self.fallbacks.get(path),
                    )
                except ChunkingAborted as error:
                    raise IndexingAborted from error
                if self.one_by_one and isinstance(file, ChunkedFile):
                    file = self._embedded_alone(file, done, content)
            match file:
                case ChunkedFile():
                    content.chunked.append(file)
                case SkippedFile():
                    content.skipped.append(file)
                case UnchangedFile():
                    content.unchanged.append(file)
                case KeptFile():
                    content.kept.append(file)
        return content

    def embed(self, content: ReadFiles) -> Rows:
        """Add terms and embeddings to what was read.

        Calls of the embedder run across files, each of the provider's size. Raises IndexingAborted, what the callbacks
        raise, and what the embedder raises.
        """
        total = content.total
        self._add_terms_to_all(content, total)
        self._add_embeddings([file for file in content.chunked if file.embeddings is None], total, content)
        self._stop_if_aborted()
        return Rows(
            indexed=[
                IndexedFile(
                    path=file.path,
                    language=file.language,
                    size=file.source.size,
                    mtime_ns=file.source.mtime_ns,
                    ctime_ns=file.source.ctime_ns,
                    inode=file.source.inode,
                    content_hash=file.source.content_hash,
                    blob_id=file.source.blob_id,
                    chunks=file.chunks,
                    lexemes=file.lexemes,
                    term_weights=file.term_weights,
                    embeddings=file.embeddings,
                )
                for file in content.chunked
                if file.embeddings is not None
            ],
            skipped=content.skipped,
            unchanged=content.unchanged,
            kept=content.kept,
        )

    def _known_versions(self, stored: StoredFile | None) -> dict[bytes, int]:
        """The versions that make reading on unnecessary, by their content; none where the file is to be done again
        whatever is in it."""
        if stored is None or self.force:
            return {}
        return {
            content_hash: version.id
            for content_hash, version in stored.versions.items()
            if (version.model_id, version.index_format) == (self.model_id, INDEX_FORMAT)
        }

    def _embedded_alone(self, file: ChunkedFile, done: int, content: ReadFiles) -> ChunkedFile | SkippedFile:
        try:
            self._add_terms([file], done, content)
        except _OwnFault as fault:
            return skip_failed(file.path, fault.error)
        if file.embeddings is None and not self.embedder.is_remote:
            self._add_embeddings([file], done, content)
        return file

    def _add_terms_to_all(self, content: ReadFiles, total: int) -> None:
        """`_add_terms` to the files that lack them, all at once; one by one where that fails, to leave out whose fault
        it is."""
        files = [file for file in content.chunked if not file.term_weights]
        try:
            self._add_terms(files, total, content)
        except _OwnFault:
            for file in files:
                try:
                    self._add_terms([file], total, content)
                except _OwnFault as fault:
                    content.chunked = [other for other in content.chunked if other is not file]
                    content.skipped.append(skip_failed(file.path, fault.error))

    def _add_terms(self, files: list[ChunkedFile], done: int, content: ReadFiles) -> None:
        """Set what lexical search needs, and the embeddings where the embedder works on the same bags of words. Raises
        _OwnFault."""
        chunks = [chunk for file in files for chunk in file.chunks]
        paths = [file.path for file in files for _ in file.chunks]
        ends = _ends(files)
        lexemes: list[bytes] = []
        weights: list[bytes] = []
        from_bags = self.embedder if isinstance(self.embedder, BagEmbedder) else None
        vectors = np.empty((len(chunks) if from_bags else 0, from_bags.dimension if from_bags else 0), dtype=np.float32)
        for start in range(0, len(chunks), TERM_BLOCK):
            finished = int(np.searchsorted(ends, start, side="right")) if from_bags is not None else 0
            self._go_on("embedding", done, content, finished=finished)
            block = slice(start, start + TERM_BLOCK)
            try:
                with self.stopwatch.time("chunking"):
                    terms = chunk_terms(chunks[block], paths[block])
                if from_bags is not None:
                    with self.stopwatch.time("embedding"):
                        vectors[block] = from_bags.embed_bags(terms.words)
            except EmbedderError:
                raise
            except EmbeddingAborted as error:
                raise IndexingAborted from error
            except Exception as error:
                raise _OwnFault(error) from error
            lexemes += terms.lexemes
            weights += terms.weights
        for file, end in zip(files, ends.tolist(), strict=True):
            part = slice(end - len(file.chunks), end)
            file.lexemes, file.term_weights = lexemes[part], weights[part]
            file.embeddings = vectors[part] if from_bags is not None else None

    def _add_embeddings(self, files: list[ChunkedFile], done: int, content: ReadFiles) -> None:
        if not files:
            return
        with self.stopwatch.time("embedding"):
            texts = [embedding_text(file.path, chunk) for file in files for chunk in file.chunks]
            ends = _ends(files)
            vectors = np.empty((len(texts), self.embedder.dimension), dtype=np.float32)
            left = self._not_known(files, texts, vectors)
            # Asked once: an embedder whose service refuses a call as too large makes its own calls smaller from then
            # on.
            size = self.embedder.batch_size
            for start in range(0, len(left), size):
                rows = list(left[start : start + size])
                self._go_on("embedding", done, content, finished=len(files) * start // len(left))
                of_call = [texts[row] for row in rows]
                self.pace(of_call)
                try:
                    vectors[rows] = self.embedder.embed(of_call, aborted=self.aborted)
                except EmbeddingAborted as error:
                    raise IndexingAborted from error
                except EmbedderError as error:
                    done = 0
                    if error.embedded is not None:
                        done = len(error.embedded)
                        vectors[rows[:done]] = error.embedded
                    self._keep(texts, vectors, list(left[: start + done]))
                    raise
            for file, of_file in zip(files, np.split(vectors, ends[:-1]), strict=True):
                file.embeddings = of_file

    def _not_known(self, files: list[ChunkedFile], texts: list[str], vectors: Vectors) -> Sequence[int]:
        """Set the vectors that are known; the rows of the other texts remain."""
        if self.known is None:
            return range(len(texts))
        hashes = list(map(text_hash, texts))
        known = self.known([file.path for file in files], hashes)
        left = []
        for row, of_text in enumerate(hashes):
            if of_text in known:
                vectors[row] = known[of_text]
            else:
                left.append(row)
        return left

    def _keep(self, texts: list[str], vectors: Vectors, rows: list[int]) -> None:
        if self.keep is not None and rows:
            self.keep([text_hash(texts[row]) for row in rows], vectors[rows])

    def _go_on(
        self, phase: Literal["chunking", "embedding"], chunked: int, content: ReadFiles, *, finished: int = 0
    ) -> None:
        """Stop where the caller says so, and tell how far the run is; `finished` are embedded beside those that were
        before."""
        self._stop_if_aborted()
        before = sum(file.embeddings is not None for file in content.chunked) if self.one_by_one else 0
        self.progress(Progress(phase, chunked, before + finished))

    def _stop_if_aborted(self) -> None:
        if self.aborted():
            raise IndexingAborted


class _OwnFault(Exception):
    """The terms of some file can't be made, by a mistake of ours."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


def embedding_text(path: str, chunk: Chunk) -> str:
    """What is embedded of a chunk: where it stands, what it defines, and its lines.

    Not the number of a notebook's cell or a PDF's page: all below a new one would be embedded again for it.
    """
    return f"{path} {without_part(path, chunk.symbol) or ''}\n{chunk.content}"


def text_hash(text: str) -> UUID:
    """The hash by which an index knows what was embedded before (pgdex.embedded_text_hash)."""
    return UUID(bytes=hashlib.md5(text.encode(), usedforsecurity=False).digest())


def _ends(files: list[ChunkedFile]) -> NDArray[np.int64]:
    """For each file the number of chunks up to its last one."""
    return np.cumsum([len(file.chunks) for file in files], dtype=np.int64)
