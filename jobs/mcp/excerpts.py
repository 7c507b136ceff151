"""Parts of code that fit into so many tokens: how it begins, and the lines in it that a query is about."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pgdex.indexer.lexemes import words
from pgdex.indexer.terms import stem_of
from pgdex.jobs.mcp.tokens import estimated_tokens

LINES = re.compile(r"[^\n]*\n|[^\n]+")
"""As chunks count them: a form feed or a carriage return ends none."""
GAP_TOKENS = 12
"""Of a line that says how many lines are left out."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Some lines of a code, with a line in place of those that are left out; `left_out` are their numbers in the file,
    as "12" or "12-40"."""

    code: str
    left_out: tuple[str, ...] = ()


def cost_of(code: str) -> int:
    """The tokens of a code, as text or as a part of JSON, whichever costs more."""
    return max(estimated_tokens(code), estimated_tokens(json.dumps(code, ensure_ascii=False)))


def excerpt(code: str, *, place: tuple[int, int], tokens: int, terms: frozenset[str]) -> Excerpt:
    """`code` within `tokens`: all of it where that fits, else its first line and the consecutive lines with the most
    different `terms`, the first lines where none has any. `place` is its first and its last line in the file."""
    if not code or cost_of(code) <= tokens:  # even none has a cost: its quotes in JSON
        return Excerpt(code)
    lines = LINES.findall(code)
    costs = [cost_of(line) for line in lines]
    room = tokens - costs[0] - GAP_TOKENS
    if room <= 0 or len(lines) == 1:
        return _cut_line(lines, place=place, share=tokens / max(1, costs[0]))
    first, end = _best_window(costs, [_terms_of(line, terms) for line in lines], room=room)
    shown = [lines[0]]
    left_out = []
    if first > 1:
        shown.append(_gap(first - 1))
        left_out.append(_span(1, first - 1, place=place))
    shown += lines[max(1, first) : end]
    if end < len(lines):
        shown.append(_gap(len(lines) - end))
        left_out.append(_span(end, len(lines) - 1, place=place))
    return Excerpt("".join(shown), tuple(left_out))


def _best_window(costs: Sequence[int], found: Sequence[frozenset[str]], *, room: int) -> tuple[int, int]:
    """The first line and the one after the last of the window within `room` that has the most different terms; of equal
    ones the first. Line 0 is shown whatever the window is, so it costs nothing."""
    best, best_worth = (0, 1), -1
    for first in range(len(costs)):
        # Within a window that was looked at and begins with a line without terms, nothing better begins.
        if first and not found[first] and best_worth >= 0:
            continue
        left = room - (GAP_TOKENS if first > 1 else 0)
        end, seen = first, set[str]()
        while end < len(costs) and (end == 0 or left >= costs[end]):
            left -= costs[end] if end else 0
            seen |= found[end]
            end += 1
        if end > first and len(seen) > best_worth:
            best, best_worth = (first, end), len(seen)
    return best


def _cut_line(lines: Sequence[str], *, place: tuple[int, int], share: float) -> Excerpt:
    """As much of the first line as there is room for, which may be nothing: minified code is one line."""
    line = lines[0].rstrip("\r\n")
    if share < 1:
        begins = line[: max(0, int(len(line) * share * 0.8))]
        return Excerpt(f"{begins}…" if begins else "", (_span(0, len(lines) - 1, place=place),))
    return Excerpt(line, (_span(1, len(lines) - 1, place=place),) if len(lines) > 1 else ())


def _terms_of(line: str, terms: frozenset[str]) -> frozenset[str]:
    return terms.intersection(map(stem_of, words(line))) if terms else frozenset()


def _gap(lines: int) -> str:
    return f"… {lines} more {'line' if lines == 1 else 'lines'}\n"


def _span(first: int, last: int, *, place: tuple[int, int]) -> str:
    """Lines of a code, counted from 0, as lines of its file; a notebook's source may be fewer lines there."""
    first, last = (min(place[0] + number, place[1]) for number in (first, last))
    return str(first) if first == last else f"{first}-{last}"
