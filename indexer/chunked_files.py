"""One file of the pipeline: read, judged, and chunked."""

import logging
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pgdex.indexer.chunking import Chunk, ChunkingAborted, GrammarMissing, ParseTimeout, chunk_file
from pgdex.indexer.dialects import language_in
from pgdex.indexer.documents import Extracted, ExtractionAborted, Limits, extract
from pgdex.indexer.languages import Language
from pgdex.indexer.sources import (
    OpenedRoot,
    RootUnavailable,
    Skipped,
    SkipReason,
    SourceDocument,
    SourceText,
    Unchanged,
    read_source,
)
from pgdex.indexer.stopwatch import Stopwatch
from pgdex.indexer.storable import storable
from pgdex.indexer.storage import KeptFile, SkippedFile, StoredFile, UnchangedFile

# They say what this process could not see at this moment, and nothing about the file.
NOT_SEEN = (SkipReason.VANISHED, SkipReason.UNREADABLE, SkipReason.IO_ERROR)

logger = logging.getLogger("pgdex.indexer")


class Effort(Enum):
    """What is tried with a file."""

    FULL = auto()
    """Everything, as with any file."""
    LINES = auto()
    """Chunked by lines: grammars are what crashes."""
    HASH = auto()
    """Read only, so that it is left out until its content changes."""
    NOTHING = auto()
    """Left out unread."""


@dataclass(frozen=True, slots=True)
class Fallback:
    """Less than full effort for a file that has crashed processes; `detail` says why, for users, where the file is left
    out."""

    effort: Effort
    detail: str


@dataclass(slots=True)
class ChunkedFile:
    """A file between chunking and writing. What is made of its words comes last: `lexemes` and `term_weights` hold one
    value for each chunk then, `embeddings` has shape (len(chunks), dimension)."""

    path: str
    language: str
    source: SourceText
    chunks: list[Chunk]
    lexemes: list[bytes] = field(default_factory=list)
    term_weights: list[bytes] = field(default_factory=list)
    embeddings: NDArray[np.float32] | None = None


class Reader(Protocol):
    """Gives the content of files that lie in no folder."""

    def read(
        self, path: str, *, max_file_bytes: int, known_hashes: Container[bytes]
    ) -> SourceText | SourceDocument | Skipped | Unchanged:
        """As `read_source` does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChunker:
    """Reads and chunks one file after the other, all with the same limits, abort flag and stopwatch."""

    max_file_bytes: int
    aborted: Callable[[], bool]
    stopwatch: Stopwatch
    document_seconds: float = 45.0
    """How long extracting the text of a PDF or Word document may take."""

    def chunked(
        self,
        root: Path | OpenedRoot | Reader,
        path: str,
        *,
        stored: StoredFile | None = None,
        known: Mapping[bytes, int] | None = None,
        fallback: Fallback | None = None,
    ) -> ChunkedFile | SkippedFile | UnchangedFile | KeptFile:
        """The file as it is to be written, all but its terms and embeddings. Its own faults only ever skip it.

        `known` has the ids of the versions of this file by their content: a file with such a content is unchanged. One
        that is `stored` as searchable and can't be read now is kept as it is: whether it was deleted is for the next
        scan to say, which sees the whole tree.

        Raises RootUnavailable, ChunkingAborted, GrammarMissing (no file's fault: cut by lines, all files of a language
        would stay so until they change), and OSError or MemoryError where this process has run out of something.
        """
        try:
            return self._chunked(root, path, stored, known or {}, fallback)
        except (RootUnavailable, ChunkingAborted, GrammarMissing, OSError, MemoryError):
            raise
        except Exception as error:
            return skip_failed(path, error)

    def _chunked(
        self,
        root: Path | OpenedRoot | Reader,
        path: str,
        stored: StoredFile | None,
        known: Mapping[bytes, int],
        fallback: Fallback | None,
    ) -> ChunkedFile | SkippedFile | UnchangedFile | KeptFile:
        if fallback is not None and fallback.effort is Effort.NOTHING:
            return _skip_crashed(path, fallback)
        with self.stopwatch.time("reading"):
            if isinstance(root, (Path, OpenedRoot)):
                source = read_source(root, path, max_file_bytes=self.max_file_bytes, known_hashes=known)
            else:
                source = root.read(path, max_file_bytes=self.max_file_bytes, known_hashes=known)
        match source:
            case Unchanged():
                return UnchangedFile(
                    path=path,
                    size=source.size,
                    mtime_ns=source.mtime_ns,
                    ctime_ns=source.ctime_ns,
                    inode=source.inode,
                    blob_id=source.blob_id,
                    version_id=known[source.content_hash],
                )
            case Skipped() if source.reason in NOT_SEEN and stored is not None and stored.is_searchable:
                return KeptFile(path, source.reason.value)
            case Skipped():
                return _left_out(path, source, source.reason, source.detail)
            case SourceText() | SourceDocument() if fallback is not None and fallback.effort is Effort.HASH:
                return _skip_crashed(path, fallback, source)
            case SourceText() | SourceDocument():
                return self._taken(path, source, with_grammar=fallback is None or fallback.effort is Effort.FULL)

    def _taken(
        self, path: str, source: SourceText | SourceDocument, *, with_grammar: bool
    ) -> ChunkedFile | SkippedFile:
        if isinstance(source, SourceDocument):
            with self.stopwatch.time("reading"):
                extracted = self._extracted(path, source)
            if isinstance(extracted, SkippedFile):
                return extracted
            source = extracted
        with self.stopwatch.time("chunking"):
            return self._cut(path, source, with_grammar=with_grammar)

    def _extracted(self, path: str, document: SourceDocument) -> SourceText | SkippedFile:
        """The text of a document, or the file as left out. Raises ChunkingAborted, OSError."""
        limits = Limits.within(self.document_seconds, text_bytes=self.max_file_bytes)
        try:
            found = extract(document.data, document.kind, limits=limits, aborted=self.aborted)
        except ExtractionAborted as error:
            raise ChunkingAborted from error
        if not isinstance(found, Extracted):
            reason, detail = SkipReason(found.reason.value), storable(found.detail)
            return _left_out(path, document, reason, detail, is_final=found.reason.is_final)
        if found.unread:
            logger.warning(
                "%d pages of a document could not be read", found.unread, extra=_about("document_incomplete", path)
            )
        return document.with_text(found.text)

    def _cut(self, path: str, source: SourceText, *, with_grammar: bool) -> ChunkedFile:
        language = language_in(path, source.text)
        by_lines = Language(language.name, None)
        try:
            chunks = chunk_file(source.text, language if with_grammar else by_lines, aborted=self.aborted)
        except (ChunkingAborted, GrammarMissing, OSError, MemoryError):
            raise
        except Exception as error:
            # By lines it can still be found; a grammar that loops on rubbish (ParseTimeout), or our own mistake about
            # what it says, is no reason to lose the file.
            if not isinstance(error, ParseTimeout):
                logger.exception("chunked by lines", extra=_about("chunked_by_lines", path))
            chunks = chunk_file(source.text, by_lines, aborted=self.aborted)
        return ChunkedFile(path, language.name, source, chunks)


def skip_failed(path: str, error: BaseException) -> SkippedFile:
    """A file that can't be indexed by a mistake of ours. It has no hash, so that the next job tries it again."""
    logger.error(
        "left out a file that could not be indexed: %s", error, exc_info=error, extra=_about("file_failed", path)
    )
    detail = storable(f"{type(error).__name__}: {error}".partition("\n")[0][:500])
    return SkippedFile(path=path, reason=SkipReason.FAILED.value, detail=detail)


def _skip_crashed(path: str, fallback: Fallback, source: SourceText | SourceDocument | None = None) -> SkippedFile:
    logger.error("left out a file: %s", fallback.detail, extra=_about("file_crashed", path))
    if source is None:
        return SkippedFile(path=path, reason=SkipReason.CRASHED.value, detail=fallback.detail)
    return _left_out(path, source, SkipReason.CRASHED, fallback.detail)


def _left_out(
    path: str,
    source: SourceText | SourceDocument | Skipped,
    reason: SkipReason,
    detail: str | None,
    *,
    is_final: bool = True,
) -> SkippedFile:
    """`is_final`: whether it is said of the content. Else the file has no hash, so that the next job tries it again."""
    return SkippedFile(
        path=path,
        size=source.size,
        mtime_ns=source.mtime_ns,
        ctime_ns=source.ctime_ns,
        inode=source.inode,
        content_hash=source.content_hash if is_final else None,
        blob_id=source.blob_id if is_final else None,
        reason=reason.value,
        detail=detail,
    )


def _about(action: str, path: str) -> dict[str, dict[str, str]]:
    """The `extra` of a log call, as workers' JSON lines take it."""
    return {"fields": {"action": action, "path": path}}
