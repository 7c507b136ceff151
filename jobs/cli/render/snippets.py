"""Which lines of a chunk show best why it answers a query."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

SNIPPET_LINES = 6
LONGEST_LINE = 400  # of a line in a pipe; a terminal cuts at its width
WORD = re.compile(r"\w+")
PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+")


@dataclass(frozen=True, slots=True)
class Snippet:
    """Consecutive lines of a chunk; `first` counts from 0 within the chunk."""

    first: int
    lines: list[str]


def query_pattern(query: str) -> re.Pattern[str] | None:
    """What to mark in a snippet: the query's words, and the parts of its identifiers; None where it has none."""
    words = WORD.findall(query)
    parts = [part for word in words for part in PARTS.findall(word) if len(part) > 2]
    wanted = {word.lower() for word in words if len(word) > 1} | {part.lower() for part in parts}
    if not wanted:
        return None
    # The longest first: parse_args is marked as one, not as parse and args.
    return re.compile("|".join(re.escape(word) for word in sorted(wanted, key=lambda w: (-len(w), w))), re.IGNORECASE)


def best_snippet(lines: Sequence[str], pattern: re.Pattern[str] | None, *, size: int = SNIPPET_LINES) -> Snippet:
    """The `size` lines with the most different words of the query; the first ones where no line has any."""
    found = [{match.lower() for match in pattern.findall(line)} if pattern else set[str]() for line in lines]

    def worth(first: int) -> tuple[int, int, int]:
        window = found[first : first + size]
        # Of equal windows, the one with a single line above its first mark: what follows explains more.
        above = next((number for number, marks in enumerate(window) if marks), 1)
        return len(set[str]().union(*window)), sum(map(len, window)), -abs(above - 1)

    first = max(range(max(1, len(lines) - size + 1)), key=lambda start: (*worth(start), -start))
    return Snippet(first, list(lines[first : first + size]))
