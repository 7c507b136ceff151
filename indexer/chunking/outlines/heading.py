"""Headings, and how those of one line are found.

Every pattern of this package is linear: an unclosed comment or string runs to the end of the text
once, and no part of a line is tried in more than a bounded number of ways.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pgdex.indexer.chunking.lines import Lines
from pgdex.indexer.chunking.model import Kind

_LONGEST_TITLE = 120


@dataclass(slots=True)
class Heading:
    """Line `row` (0-based) begins a section; it lasts until the next one of no higher `level`."""

    row: int
    level: int
    title: str | None
    kind: Kind = "section"
    # Its symbol does not begin with the titles around it.
    restarts: bool = False


def title_of(text: str) -> str | None:
    if text.isidentifier():  # as most keys are, which nothing of the below changes
        return text[:_LONGEST_TITLE]
    title = " ".join(text.split())[:_LONGEST_TITLE].rstrip()
    return title or None


def matches(pattern: re.Pattern[str], lines: Lines) -> Iterator[tuple[int, re.Match[str]]]:
    """Each match of a pattern with the row in which it begins."""
    offsets = lines.offsets
    row = 0
    for match in pattern.finditer(lines.text):
        row = bisect_right(offsets, match.start(), row) - 1
        yield row, match


def above(lines: Lines, row: int, marks: tuple[str, ...]) -> int:
    """The first of the comment lines directly above a row, or the row itself."""
    while row and lines.row(row - 1).lstrip().startswith(marks):
        row -= 1
    return row


def by_pattern(
    pattern: str, *, marks: tuple[str, ...] = (), level: Callable[[re.Match[str]], int] | None = None
) -> Callable[[Lines], list[Heading]]:
    """A finder for headings of one line; the pattern's last group that matched is the title.

    Comment lines above that begin with one of `marks` belong to the section.
    """
    compiled = re.compile(pattern, re.MULTILINE | re.IGNORECASE)

    def find(lines: Lines) -> list[Heading]:
        return [
            Heading(
                above(lines, row, marks) if marks else row,
                0 if level is None else level(match),
                title_of(match[match.lastindex or 0]),
            )
            for row, match in matches(compiled, lines)
        ]

    return find
