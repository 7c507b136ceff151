"""Jupyter notebooks: what people wrote in them, with the lines of the file on which it stands.

A notebook is JSON in which the outputs, pictures above all, take most of the space. They are found here without being
decoded, and every piece of source keeps its line, so that an editor that opens the file there shows it.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

SUFFIX: Final = ".ipynb"
# What counts against the size limit of files is a notebook without its outputs; with them it may have this much.
MAX_NOTEBOOK_BYTES: Final = 32 << 20

_BLANK = re.compile(r"[ \t\r\n]*+")
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_BARE = re.compile(r"[^\s\[\]{},:\"]++")
# A string that never ends is taken whole: trying again from each quote in it would take for ever.
_STEP = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\Z|\\\Z)|[\[\]{}]', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")
_OUTPUTS = frozenset({"outputs", "attachments"})


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: its number, counted from 1 as Jupyter shows them and with all cells counted, its source by lines, and
    for each of these the row (from 0) of the file on which it stands."""

    number: int
    kind: str
    lines: list[str]
    rows: list[int]


@dataclass(frozen=True, slots=True)
class Notebook:
    """The cells that have a source, in order; `language` is the kernel's, empty where it is not told."""

    language: str
    cells: list[Cell]


def parse_notebook(text: str) -> Notebook | None:
    """Return what a notebook holds, or None where the text is none: not JSON, without cells."""
    try:
        return _Reader(text).notebook()
    except (ValueError, RecursionError):
        return None


def without_outputs(text: str) -> str | None:
    """Return the notebook with its outputs and attachments emptied, line by line as it was; None: it is none."""
    try:
        regions = _Reader(text).outputs()
    except (ValueError, RecursionError):
        return None
    if regions is None:
        return None
    parts = []
    position = 0
    for start, end in regions:
        parts += [text[position:start], text[start], "\n" * text.count("\n", start, end), text[end - 1]]
        position = end
    return "".join([*parts, text[position:]])


class _Reader:
    """Finds values in JSON by their places. Raises ValueError for what is malformed on its way."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._row_starts = [0, *(found.end() for found in re.finditer("\n", text))]

    def notebook(self) -> Notebook | None:
        cells: list[Cell] = []
        is_notebook = False
        language = ""
        for key, start, end in self._members(self._skip_blank(0)):
            if key == "metadata":
                language = self._language(start, end)
            elif key in ("cells", "worksheets"):
                is_notebook = True
        for number, cell in enumerate(self._cells(), start=1):
            kind, lines, rows = "", list[str](), list[int]()
            for key, start, _ in self._members(cell):
                if key == "cell_type":
                    kind = self._string(start)[0]
                elif key in ("source", "input"):  # `input` until version 3
                    lines, rows = self._source(start)
            if any(line.strip() for line in lines):
                cells.append(Cell(number, kind, lines, rows))
        return Notebook(language, cells) if is_notebook else None

    def outputs(self) -> list[tuple[int, int]] | None:
        """The places of the outputs, which are arrays and objects; None where there are no cells at all."""
        if not any(key in ("cells", "worksheets") for key, _, _ in self._members(self._skip_blank(0))):
            return None
        return [
            (start, end)
            for cell in self._cells()
            for key, start, end in self._members(cell)
            if key in _OUTPUTS and self._text[start] in "[{"
        ]

    def _cells(self) -> Iterator[int]:
        for key, start, _ in self._members(self._skip_blank(0)):
            if key == "cells":
                yield from self._elements(start)
            elif key == "worksheets":  # version 3
                for sheet in self._elements(start):
                    for name, cells, _ in self._members(sheet):
                        if name == "cells":
                            yield from self._elements(cells)

    def _language(self, start: int, end: int) -> str:
        metadata = json.loads(self._text[start:end], strict=False)
        if not isinstance(metadata, dict):
            return ""
        for section, name in (("kernelspec", "language"), ("language_info", "name")):
            found = metadata.get(section)
            if isinstance(found, dict) and isinstance(found.get(name), str):
                return str(found[name]).lower()
        return ""

    def _source(self, start: int) -> tuple[list[str], list[int]]:
        """The lines of a source, which is a string or an array of strings."""
        lines = [""]
        rows = [self._row(start)]
        for place in [start] if self._text[start] == '"' else self._elements(start):
            row = self._row(place)
            for number, part in enumerate(self._string(place)[0].split("\n")):
                if number:
                    lines.append("")
                    rows.append(row)
                if not lines[-1]:
                    rows[-1] = row
                lines[-1] += part.removesuffix("\r")
        if not lines[-1]:
            lines.pop()
            rows.pop()
        return lines, rows

    def _row(self, position: int) -> int:
        return bisect_right(self._row_starts, position) - 1

    def _members(self, position: int) -> Iterator[tuple[str, int, int]]:
        """The keys of an object, each with where its value begins and ends."""
        self._require(position, "{")
        position = self._skip_blank(position + 1)
        while self._text[position : position + 1] != "}":
            key, position = self._string(position)
            position = self._skip_blank(position)
            self._require(position, ":")
            start = self._skip_blank(position + 1)
            end = self._end_of(start)
            yield key, start, end
            position = self._after(end, "}")

    def _elements(self, position: int) -> Iterator[int]:
        """Where the elements of an array begin."""
        self._require(position, "[")
        position = self._skip_blank(position + 1)
        while self._text[position : position + 1] != "]":
            yield position
            position = self._after(self._end_of(position), "]")

    def _after(self, position: int, closing: str) -> int:
        """Where the next member begins, or the closing bracket stands."""
        position = self._skip_blank(position)
        if self._text[position : position + 1] == ",":
            return self._skip_blank(position + 1)
        self._require(position, closing)
        return position

    def _end_of(self, start: int) -> int:
        if self._text[start : start + 1] not in ("{", "["):
            found = _STRING.match(self._text, start) or _BARE.match(self._text, start)
            if found is None:
                raise ValueError(f"no JSON value at {start}")
            return found.end()
        depth = 0
        for step in _STEP.finditer(self._text, start):
            character = step[0][0]
            if character in "{[":
                depth += 1
            elif character in "}]":
                depth -= 1
                if not depth:
                    return step.end()
        raise ValueError(f"the bracket at {start} is never closed")

    def _string(self, start: int) -> tuple[str, int]:
        found = _STRING.match(self._text, start)
        if found is None:
            raise ValueError(f"no JSON string at {start}")
        value = json.loads(found[0], strict=False)
        return _SURROGATE.sub("\ufffd", value).replace("\0", "\u2400"), found.end()

    def _skip_blank(self, position: int) -> int:
        found = _BLANK.match(self._text, position)
        assert found is not None, "it matches nothing as well"
        return found.end()

    def _require(self, position: int, character: str) -> None:
        if self._text[position : position + 1] != character:
            raise ValueError(f"no {character!r} at {position}")
