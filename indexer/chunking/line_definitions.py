"""Names of definitions that the walk of the syntax tree does not come by, found by what their lines look like.

The walk stops at functions: most nodes of a tree are their statements, and looking at each of them in Python would
double the cost of chunking (a tree-sitter query, which looks at them in C, costs a quarter of it). Regular expressions
that begin with a keyword cost a twentieth, and those for JavaScript and TypeScript an eighth. So the lines say what may
be a definition (a function inside of another, the names of `attr_accessor :a, :b`, a method behind `private`), and for
those that are not known yet the tree says whether it is one, or an example in a comment.

Where the parser gave up there is nobody to ask: near a node ERROR, and in all of a file that is in such nodes by more
than a fifth, the line alone decides.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from time import monotonic

from tree_sitter import Node

from pgdex.indexer.chunking.errors_in_trees import BROKEN_SHARE, error_share
from pgdex.indexer.chunking.hazards import LONGEST_LINE
from pgdex.indexer.chunking.line_shape import LineShape
from pgdex.indexer.chunking.lines import Lines
from pgdex.indexer.chunking.model import ParseTimeout, Piece
from pgdex.indexer.chunking.parsing import Watch
from pgdex.indexer.chunking.tables.line_shapes import LINE_SHAPES

# How far before a value its name is looked for, in characters.
_FARTHEST_BACK = 120

# How many nodes around a name are looked at for an error: the statement, its block, and what has the block.
_NEAR = 4

# Nodes that hold text, not code; a name that is quoted is all of one, perhaps with its quotes.
_QUOTES = 2
_TEXT = re.compile(r"comment|string|heredoc|quoted|regex|char|raw_text|template")
# Between a name and the definition that it is the name of.
_THROUGH = frozenset(
    # The last is around a word that is a keyword elsewhere, as `inner` is in Kotlin.
    {"member_expression", "string", "encapsed_string", "setter", "simple_symbol", "simple_identifier"}
)


@dataclass(frozen=True, slots=True)
class Parsed:
    """The lines `start` to `stop` (exclusive) of a file, parsed by a grammar."""

    root: Node
    grammar: str
    start: int
    stop: int


def add_line_definitions(lines: Lines, parsed: Parsed, pieces: Sequence[Piece], watch: Watch) -> None:
    """Add the names that only their lines tell to the pieces which have those lines.

    `pieces` are those of the whole file, in order and without gaps. Where the time is up, which takes a tree of
    tens of thousands of levels, the rest is left out. Raises ChunkingAborted.
    """
    shapes = LINE_SHAPES.get(parsed.grammar)
    if shapes is None or not pieces:
        return
    has_errors = parsed.root.has_error
    broken = has_errors and error_share(parsed.root) > BROKEN_SHARE
    text = _without_unread(lines)
    first = lines.offsets[parsed.start]
    stop = lines.offsets[parsed.stop]
    starts = [lines.offsets[piece.start] for piece in pieces]
    known: list[set[str] | None] = [None] * len(pieces)
    for one in shapes:
        if (one.on_errors and not has_errors) or text.find(one.needs, first, stop) < 0:
            continue
        for at, name in _names(one, text, first, stop):
            index = bisect_right(starts, at) - 1
            names = known[index]
            if names is None:
                names = known[index] = {last_part(definition.symbol) for definition in pieces[index].defines}
            if name in names:
                continue
            if monotonic() >= watch.next_look and watch.expired():
                reason = watch.reason()
                if isinstance(reason, ParseTimeout):
                    return
                raise reason
            if _is_definition(one, lines, parsed.root, at, name, broken=broken):
                names.add(name)
                (pieces[index].declares if one.declares else pieces[index].names).append(name)


def _without_unread(lines: Lines) -> str:
    """The text with spaces instead of the lines that no parser was given."""
    if lines.longest <= LONGEST_LINE:
        return lines.text
    return "\n".join(row if len(row) < LONGEST_LINE else " " * len(row) for row in lines.rows())


def last_part(symbol: str) -> str:
    """The name without the names around it."""
    return symbol[symbol.rfind(".") + 1 :]


def _names(one: LineShape, text: str, start: int, stop: int) -> Iterable[tuple[int, str]]:
    """The places and the names that a shape finds between two places of a text."""
    if one.members is None and one.backwards is None:
        return [(match.start(1), match[1]) for match in one.pattern.finditer(text, start, stop)]
    return _further_names(one, text, start, stop)


def _further_names(one: LineShape, text: str, start: int, stop: int) -> Iterator[tuple[int, str]]:
    members, backwards = one.members, one.backwards
    for match in one.pattern.finditer(text, start, stop):
        if backwards is not None:
            end = match.start()
            found = backwards.match(text[max(end - _FARTHEST_BACK, start) : end][::-1])
            if found is not None and (group := found.lastindex) is not None:
                yield end - found.end(group), found[group][::-1]
        elif members is not None:
            for member in members.finditer(text, match.start(1), match.end(1)):
                yield member.start(1), member[1]


def _is_definition(one: LineShape, lines: Lines, root: Node, at: int, name: str, *, broken: bool) -> bool:
    if not one.parents or (broken and one.plain):
        return True
    row = bisect_right(lines.offsets, at) - 1
    column = len(lines.text[lines.offsets[row] : at].encode())
    place = (row, column)
    leaf = root.descendant_for_point_range(place, (row, column + len(name.encode())))
    if leaf is None:
        return False
    is_text = _TEXT.search(leaf.type) is not None
    if is_text and leaf.end_byte - leaf.start_byte > len(name.encode()) + _QUOTES:
        return False
    node = leaf
    # An operator's name or that of a destructor may be the definition's own text.
    while node.type not in one.parents and node.parent is not None and (node is leaf or node.type in _THROUGH):
        node = node.parent
    if node.type in one.parents:
        return not one.holds or any(child.type in one.holds for child in node.children)
    if not one.sure or is_text:
        return False
    return broken or _beside_error(node)


def _beside_error(node: Node) -> bool:
    """Whether the parser has stumbled near a node: over what is around it or beside it."""
    around: Node | None = node
    for _ in range(_NEAR):
        if around is None:
            return False
        if around.has_error:
            return True
        around = around.parent
    return False
