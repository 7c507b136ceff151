"""Pieces of texts whose structure shows in their lines: headings, tables, keys, statements.

Scanning lines is linear, and unlike a grammar it survives the templates ({{ … }}) in which YAML,
TOML and JSON are so often written.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from pgdex.indexer.chunking.lines import Lines, by_lines
from pgdex.indexer.chunking.model import CLASS_LIKE, Definition, Kind, Limits, Piece, qualified
from pgdex.indexer.chunking.outlines import data, keywords, prose
from pgdex.indexer.chunking.outlines.heading import Heading
from pgdex.indexer.chunking.outlines.sql import sql_headings


@dataclass(frozen=True, slots=True)
class Outline:
    """How a language's headings are found, and what its chunks are called by them."""

    find: Callable[[Lines], list[Heading]]
    # Between the parts of a symbol.
    separator: str = "."
    # The kind of what comes before the first heading.
    plain: Kind = "block"
    # Whether a chunk lists the headings inside of it among its symbols; the keys of a
    # configuration are too many to be of use there.
    lists_inner: bool = True


_PROSE = " > "
_CODE: Kind = "module"

OUTLINES: dict[str, Outline] = {
    "markdown": Outline(prose.markdown_headings, _PROSE),
    "rst": Outline(prose.rst_headings, _PROSE),
    "org": Outline(prose.org_headings, _PROSE),
    "asciidoc": Outline(prose.asciidoc_headings, _PROSE),
    "typst": Outline(prose.asciidoc_headings, _PROSE),
    "docx": Outline(prose.docx_headings, _PROSE),
    "latex": Outline(prose.latex_headings, _PROSE),
    "yaml": Outline(data.key_headings, lists_inner=False),
    "json": Outline(data.key_headings, lists_inner=False),
    "toml": Outline(data.ini_headings),
    "ini": Outline(data.ini_headings),
    "properties": Outline(data.ini_headings),
    "diff": Outline(data.diff_headings),
    "dockerfile": Outline(data.dockerfile_headings, plain=_CODE),
    "sql": Outline(sql_headings, plain=_CODE),
    "asm": Outline(keywords.assembly, plain=_CODE),
    "cairo": Outline(keywords.cairo, plain=_CODE),
    "crystal": Outline(keywords.crystal, plain=_CODE),
    "groovy": Outline(keywords.groovy, plain=_CODE),
    "fortran": Outline(keywords.fortran, plain=_CODE),
    "haxe": Outline(keywords.haxe, plain=_CODE),
    "odin": Outline(keywords.odin, plain=_CODE),
    "perl": Outline(keywords.perl, plain=_CODE),
    "puppet": Outline(keywords.puppet, plain=_CODE),
    "tcl": Outline(keywords.tcl, plain=_CODE),
    "vhdl": Outline(keywords.vhdl, plain=_CODE),
    "wgsl": Outline(keywords.wgsl, plain=_CODE),
}


def heading_pieces(lines: Lines, outline: Outline, limits: Limits) -> list[Piece]:
    """Sections whole where they fit; of larger ones the own text, and then the inner sections."""
    return _Cutter(lines, outline, limits).cut()


class _Cutter:
    def __init__(self, lines: Lines, outline: Outline, limits: Limits) -> None:
        self._lines = lines
        self._outline = outline
        self._limits = limits
        self._headings = outline.find(lines)
        self._ends = _ends(self._headings, lines.count)
        self._definitions = _definitions(self._headings, self._ends, outline.separator)
        self._pieces: list[Piece] = []

    def cut(self) -> list[Piece]:
        headings, ends = self._headings, self._ends
        # The sections that were cut and are not over yet, with the rows at which they end.
        around: list[tuple[int, Definition]] = []
        self._add_text(0, headings[0].row if headings else self._lines.count, None)
        index = 0
        while index < len(headings):
            start, end = headings[index].row, ends[index]
            while around and around[-1][0] <= start:
                around.pop()
            owner = around[-1][1] if around else None
            if self._lines.size(start, end) <= self._limits.maximum:
                index = self._add_whole(index, owner)
                continue
            definition = self._definitions[index]
            if definition is not None:
                around.append((end, definition))
            index += 1
            own_end = headings[index].row if index < len(headings) else end
            self._add_text(start, min(own_end, end), owner, definition)
        return self._pieces

    def _add_whole(self, index: int, owner: Definition | None) -> int:
        """A section with all in it as one piece; the index of the heading after it."""
        end = self._ends[index]
        after = index + 1
        while after < len(self._headings) and self._headings[after].row < end:
            after += 1
        defines: list[Definition] = []
        for inner in range(index, after if self._outline.lists_inner else index + 1):
            definition = self._definitions[inner]
            if definition is not None:
                definition.size = self._lines.size(self._headings[inner].row, self._ends[inner])
                defines.append(definition)
        self._pieces.append(Piece(self._headings[index].row, end, owner, defines))
        return after

    def _add_text(self, start: int, stop: int, owner: Definition | None, definition: Definition | None = None) -> None:
        """Lines without inner sections: of `definition` if there is one, else of `owner`."""
        if start >= stop:
            return
        begins = [definition] if definition is not None else []
        for begin, end in pairwise([*by_lines(self._lines, start, stop, self._limits), stop]):
            for found in begins:
                found.size = self._lines.size(begin, end)
            self._pieces.append(Piece(begin, end, definition or owner, begins))
            begins = []


def _ends(headings: list[Heading], count: int) -> list[int]:
    """The row at which each heading's section ends, its inner sections included."""
    ends = [count] * len(headings)
    open_sections: list[int] = []
    for index, heading in enumerate(headings):
        while open_sections and headings[open_sections[-1]].level >= heading.level:
            ends[open_sections.pop()] = heading.row
        open_sections.append(index)
    return ends


def _definitions(headings: list[Heading], ends: list[int], separator: str) -> list[Definition | None]:
    """What each heading names, qualified by the headings around it; None without a title."""
    result: list[Definition | None] = []
    around: list[tuple[int, Definition]] = []
    for heading, end in zip(headings, ends, strict=True):
        while around and around[-1][0] <= heading.row:
            around.pop()
        definition = None
        if heading.title is not None:
            parent = around[-1][1] if around and not heading.restarts else None
            symbol = qualified(parent, heading.title, separator)
            in_class = parent is not None and parent.kind in CLASS_LIKE
            kind = "method" if in_class and heading.kind == "function" else heading.kind
            definition = Definition(kind, symbol, len(around), symbol)
            around.append((end, definition))
        result.append(definition)
    return result
