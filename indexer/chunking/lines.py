"""The lines of a text, their sizes, and where a run of lines is best divided."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate, pairwise
from math import ceil

from pgdex.indexer.chunking.model import Limits, Piece

_CLOSERS = (")", "]", "}", "</", "end", "else", "elif", "except", "finally", "catch", "fi", "done")
_NEVER = 1 << 20


class Lines:
    """A text by its lines. Only \\n ends a line; a line includes it."""

    __slots__ = ("_rows", "count", "longest", "offsets", "text")

    def __init__(self, text: str) -> None:
        rows = text.split("\n")
        if not rows[-1]:
            rows.pop()
        self.text = text
        self.count = len(rows)
        sizes = [len(row) + 1 for row in rows]
        self.longest = max(sizes)
        offsets = list(accumulate(sizes, initial=0))
        offsets[-1] = len(text)
        # offsets[i] is the index in `text` of line i's first character; one more for the end.
        self.offsets = offsets
        self._rows = rows

    def size(self, start: int, stop: int) -> int:
        """Characters in the lines from `start` up to `stop` (exclusive)."""
        return self.offsets[stop] - self.offsets[start]

    def content(self, start: int, stop: int) -> str:
        return self.text[self.offsets[start] : self.offsets[stop]]

    def row(self, row: int) -> str:
        """One line without its \\n."""
        return self._rows[row]

    def rows(self, start: int = 0, stop: int | None = None) -> list[str]:
        return self._rows[start:stop]

    def is_blank(self, row: int) -> bool:
        return not self._rows[row].strip()

    def closes(self, row: int) -> bool:
        """Whether the line ends something that began above it, as "}" and "end" do."""
        return self._rows[row].lstrip().startswith(_CLOSERS)

    def cheapest(self, starts: Sequence[int], candidates: range, ideal: float) -> int:
        """The candidate (an index of `starts`) at whose line a chunk begins best: the least nested, after a blank line;
        of several, the one nearest to `ideal`, an index of `text`."""
        rows = self._rows
        lowest = _NEVER * 2
        best, distance = candidates.start, 0.0
        for index in candidates:
            row = starts[index]
            line = rows[row]
            bare = line.lstrip()
            cost = 2 * (len(line) - len(bare)) if bare else _NEVER
            if cost > lowest:
                continue
            if bare.startswith(_CLOSERS):
                cost += _NEVER // 2
            elif bare and row and rows[row - 1].strip():
                cost += 1
            if cost <= lowest:
                away = abs(self.offsets[row] - ideal)
                if cost < lowest or away < distance:
                    lowest, best, distance = cost, index, away
        return best


def divide(lines: Lines, starts: Sequence[int], stop: int, limits: Limits) -> list[int]:
    """Where to cut the lines from `starts[0]` to `stop`, as the first lines of the parts.

    `starts` are the lines at which a cut is allowed, ascending, at most the maximum apart unless
    it is a single line. The parts are of about equal size near the target; within a window
    around the ideal place the least nested line wins, and one after a blank line.
    """
    offsets = lines.offsets
    begin = starts[0]
    parts = [begin]
    end = offsets[stop]
    index = 0
    while True:
        left = end - offsets[begin]
        count = max(ceil(left / limits.maximum), round(left / limits.target))
        if count <= 1:
            return parts
        ideal = left / count
        low = offsets[begin] + 0.6 * ideal
        high = offsets[begin] + min(1.4 * ideal, limits.maximum)
        first = bisect_left(starts, low, index + 1, key=offsets.__getitem__)
        last = bisect_right(starts, high, first, key=offsets.__getitem__)
        if first < last:
            index = lines.cheapest(starts, range(first, last), offsets[begin] + ideal)
        else:
            reach = offsets[begin] + limits.maximum
            fitting = bisect_right(starts, reach, index + 1, key=offsets.__getitem__) - 1
            index = max(fitting, index + 1)
            if index >= len(starts):
                return parts
        begin = starts[index]
        parts.append(begin)


def by_lines(lines: Lines, start: int, stop: int, limits: Limits) -> list[int]:
    """Like `divide`, with a cut allowed at every line."""
    return divide(lines, range(start, stop), stop, limits)


def line_pieces(lines: Lines, limits: Limits) -> list[Piece]:
    """The whole text by its lines."""
    starts = by_lines(lines, 0, lines.count, limits)
    return [Piece(start, stop, None, []) for start, stop in pairwise([*starts, lines.count])]
