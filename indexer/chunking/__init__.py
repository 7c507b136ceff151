"""Cuts a source file into chunks: definitions where a grammar knows them, else sections or lines.

    chunks = chunk_file(text, language_of(path))

Every line of the text is in exactly one chunk: the chunks are in order and contiguous, and their
contents joined are the text; of a notebook they are the sources of its cells, and nothing else, and
of a PDF its pages without what separates them. A chunk is a definition where that fits, with the
comments, attributes and decorators above it; small neighbours share a chunk; a class that is too
large becomes its head and its methods, a function that is too large is cut between statements.
`Limits` has the sizes.

All of `jobs`, and of `indexer` what stores or searches chunks, may import it; it imports `languages`, `notebooks`,
`documents` and `numbered_parts`.
"""

from collections.abc import Callable

from pgdex.indexer.chunking.grammars import GrammarMissing
from pgdex.indexer.chunking.headings import OUTLINES, heading_pieces
from pgdex.indexer.chunking.lines import Lines, line_pieces
from pgdex.indexer.chunking.model import (
    KINDS,
    Chunk,
    ChunkingAborted,
    ChunkingError,
    Kind,
    Limits,
    ParseTimeout,
)
from pgdex.indexer.chunking.notebooks import notebook_chunks
from pgdex.indexer.chunking.packing import pack
from pgdex.indexer.chunking.pages import page_chunks
from pgdex.indexer.chunking.parsing import Watch
from pgdex.indexer.chunking.syntax import syntax_pieces
from pgdex.indexer.documents import DocumentKind
from pgdex.indexer.languages import Language, language_named
from pgdex.indexer.notebooks import parse_notebook

__all__ = [
    "DEFAULT_LIMITS",
    "KINDS",
    "Chunk",
    "ChunkingAborted",
    "ChunkingError",
    "GrammarMissing",
    "Kind",
    "Limits",
    "ParseTimeout",
    "chunk_file",
]

DEFAULT_LIMITS = Limits()


def chunk_file(
    text: str,
    language: Language,
    *,
    time_limit_seconds: float = 5.0,
    aborted: Callable[[], bool] | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> list[Chunk]:
    """The chunks of a text, which must not contain NUL; none for an empty text.

    Lines end with \\n only. Never fails on a text with errors in it. Raises ParseTimeout when
    `time_limit_seconds` is over, and ChunkingAborted when `aborted`, which is asked every 20 ms or
    less often, has answered true; GrammarMissing where the language has a grammar that this installation lacks.
    """
    if not text:
        return []
    if language.name == "jupyter":
        return _notebook(text, language, time_limit_seconds, aborted, limits)
    if language.name == DocumentKind.PDF:
        watch = Watch(time_limit_seconds, aborted)
        return page_chunks(text, lambda page: _cut(page, language, watch, limits))
    return _cut(text, language, Watch(time_limit_seconds, aborted), limits)


def _notebook(
    text: str, language: Language, time_limit_seconds: float, aborted: Callable[[], bool] | None, limits: Limits
) -> list[Chunk]:
    watch = Watch(time_limit_seconds, aborted)
    notebook = parse_notebook(text)
    if notebook is None:  # cut off, or with the marks of a merge conflict in it
        return _cut(text, language_named("json"), watch, limits)
    return notebook_chunks(notebook, language, lambda source, of_cell: _cut(source, of_cell, watch, limits))


def _cut(text: str, language: Language, watch: Watch, limits: Limits) -> list[Chunk]:
    lines = Lines(text)
    if language.grammar is not None:
        pieces = syntax_pieces(lines, text.encode(), language.grammar, limits, watch)
        return pack(lines, pieces, limits, "module")
    outline = OUTLINES.get(language.name)
    if outline is not None:
        return pack(lines, heading_pieces(lines, outline, limits), limits, outline.plain)
    return pack(lines, line_pieces(lines, limits), limits, "block")
