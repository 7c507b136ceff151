"""Which lines of a chunk show best why it answers a query, and which words of them to mark."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pgdex.indexer.search.query import understand
from pgdex.indexer.terms import stem_of

SNIPPET_LINES = 6
LONGEST_LINE = 400  # of a line in a pipe; a terminal cuts at its width
TOKEN = re.compile(r"\w+")
PART = re.compile(r"[A-Z]{2,}s(?![a-z])|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@dataclass(frozen=True, slots=True)
class Snippet:
    """Consecutive lines of a chunk; `first` counts from 0 within the chunk."""

    first: int
    lines: list[str]


def query_terms(query: str) -> frozenset[str]:
    """The stems to mark: those that the search looks for."""
    return frozenset(understand(query).terms)


def marks(line: str, terms: frozenset[str]) -> Iterator[tuple[int, int]]:
    """Where `line` has one of the terms: as a whole word, or as a part of an identifier."""
    for token in TOKEN.finditer(line):
        if stem_of(token[0].lower()) in terms:
            yield token.span()
            continue
        for part in PART.finditer(token[0]):
            if stem_of(part[0].lower()) in terms:
                yield token.start() + part.start(), token.start() + part.end()
        if not token[0].isascii():  # scripts that put no spaces between words
            for term in terms:
                if not term.isascii() and (at := token[0].lower().find(term)) >= 0:
                    yield token.start() + at, token.start() + at + len(term)


def best_snippet(lines: Sequence[str], terms: frozenset[str], *, size: int = SNIPPET_LINES) -> Snippet:
    """The `size` lines with the most different terms of the query; the first ones where no line has any."""
    found = [{stem_of(line[start:end].lower()) for start, end in marks(line, terms)} for line in lines]

    def worth(first: int) -> tuple[int, int, int]:
        window = found[first : first + size]
        # Of equal windows, the one with a single line above its first mark: what follows explains more.
        above = next((number for number, words in enumerate(window) if words), 1)
        return len(set[str]().union(*window)), sum(map(len, window)), -abs(above - 1)

    first = max(range(max(1, len(lines) - size + 1)), key=lambda start: (*worth(start), -start))
    return Snippet(first, list(lines[first : first + size]))
