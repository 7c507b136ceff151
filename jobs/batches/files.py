"""One file of a batch: read, judged, and cut into chunks."""

import hashlib
import logging
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
import psycopg
from procrastinate.exceptions import JobAborted

from pgdex.indexer.chunking import Chunk, ChunkingAborted, ParseTimeout, chunk_file
from pgdex.indexer.format import INDEX_FORMAT
from pgdex.indexer.languages import Language, language_of
from pgdex.indexer.sources import OpenedRoot, RootUnavailable, Skipped, SkipReason, SourceText, Unchanged, read_source
from pgdex.indexer.storage import KeptFile, SkippedFile, StoredFile, UnchangedFile
from pgdex.jobs.batches.claims import Claim
from pgdex.jobs.batches.poison_files import Care, care_for
from pgdex.jobs.batches.stopwatch import Stopwatch
from pgdex.jobs.logging import fields

Vectors = np.ndarray[tuple[int, int], np.dtype[np.float32]]

logger = logging.getLogger("pgdex.worker")


@dataclass(slots=True)
class CutFile:
    """A file between cutting and writing; what is made of its words comes last."""

    path: str
    language: str
    source: SourceText
    chunks: list[Chunk]
    lexemes: list[bytes] = field(default_factory=list)
    term_weights: list[bytes] = field(default_factory=list)
    embeddings: Vectors | None = None


# They say what this process could not see at this moment, and nothing about the file.
NOT_SEEN = (SkipReason.VANISHED, SkipReason.UNREADABLE, SkipReason.IO_ERROR)


def take_file(
    claim: Claim, root: OpenedRoot, path: str, stored: StoredFile | None, watch: Stopwatch
) -> CutFile | SkippedFile | UnchangedFile | KeptFile:
    """The file as it is to be written, all but its embeddings. Its own faults only ever skip it.

    One that is searchable and can't be read now is kept as it is: whether it was deleted is for the next scan to say,
    which sees the whole tree.

    Raises RootUnavailable, JobAborted.
    """
    try:
        return _taken(claim, root, path, stored, watch)
    except (JobAborted, RootUnavailable, ChunkingAborted, psycopg.Error, OSError, MemoryError):
        raise
    except Exception as error:
        return failed(path, error)


def failed(path: str, error: Exception) -> SkippedFile:
    """A file that can't be indexed by a mistake of ours. It has no hash, so that the next job tries it again."""
    logger.error(
        "left out a file that could not be indexed: %s",
        error,
        exc_info=error,
        extra=fields(action="file_failed", path=path),
    )
    text = f"{type(error).__name__}: {error}".partition("\n")[0][:500]
    detail = text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()
    return SkippedFile(path, None, None, None, SkipReason.FAILED.value, detail)


def _taken(
    claim: Claim, root: OpenedRoot, path: str, stored: StoredFile | None, watch: Stopwatch
) -> CutFile | SkippedFile | UnchangedFile | KeptFile:
    deaths = claim.deaths.get(path, 0)
    care = care_for(deaths)
    if care is Care.NOTHING:
        return _crashed(path, deaths)
    with watch.time("reading"):
        source = read_source(
            root,
            path,
            max_file_bytes=claim.settings.max_file_bytes,
            known_hash=_known_hash(claim, stored),
        )
    match source:
        case Unchanged():
            return UnchangedFile(path, source.size, source.mtime_ns)
        case Skipped() if source.reason in NOT_SEEN and stored is not None and stored.is_searchable:
            return KeptFile(path, source.reason.value)
        case Skipped():
            return SkippedFile(
                path=path,
                size=source.size,
                mtime_ns=source.mtime_ns,
                content_hash=source.content_hash,
                reason=source.reason.value,
                detail=source.detail,
            )
        case SourceText() if care is Care.HASH:
            return _crashed(path, deaths, source)
        case SourceText():
            with watch.time("chunking"):
                return _cut(path, source, claim, with_grammar=care is Care.WHOLE)


def _crashed(path: str, deaths: int, source: SourceText | None = None) -> SkippedFile:
    logger.error("left out a file that ended %d workers", deaths, extra=fields(action="file_crashed", path=path))
    return SkippedFile(
        path=path,
        size=None if source is None else source.size,
        mtime_ns=None if source is None else source.mtime_ns,
        content_hash=None if source is None else source.content_hash,
        reason=SkipReason.CRASHED.value,
        detail=f"{deaths} workers ended while they had it in hand",
    )


def _cut(path: str, source: SourceText, claim: Claim, *, with_grammar: bool) -> CutFile:
    language = language_of(path, source.text[:200].partition("\n")[0])
    by_lines = Language(language.name, None)
    try:
        try:
            chunks = chunk_file(source.text, language if with_grammar else by_lines, aborted=claim.aborted)
        except (ChunkingAborted, MemoryError):
            raise
        except Exception as error:
            # By lines it can still be found; a grammar that loops on rubbish (ParseTimeout), or our own mistake about
            # what it says, is no reason to lose the file.
            if not isinstance(error, ParseTimeout):
                logger.exception("cut by lines", extra=fields(action="cut_by_lines", path=path))
            chunks = chunk_file(source.text, by_lines, aborted=claim.aborted)
    except ChunkingAborted:
        claim.stop_if_aborted()
        raise
    return CutFile(path, language.name, source, chunks)


def _known_hash(claim: Claim, stored: StoredFile | None) -> bytes | None:
    """The hash that makes reading on unnecessary; none where the file is to be done again whatever is in it."""
    if stored is None or claim.embed_all or (stored.model_id, stored.index_format) != (claim.model_id, INDEX_FORMAT):
        return None
    return stored.content_hash


def embedding_text(path: str, chunk: Chunk) -> str:
    """What is embedded of a chunk: where it stands, what it defines, and its lines."""
    return f"{path} {chunk.symbol or ''}\n{chunk.content}"


def text_hash(text: str) -> UUID:
    """The hash by which the database knows what was embedded before (pgdex.embedded_text_hash)."""
    return UUID(bytes=hashlib.md5(text.encode(), usedforsecurity=False).digest())
