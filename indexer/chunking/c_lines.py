"""Names in C and C++ by what their lines look like, for a file whose tree is not to be believed.

Macros that no rule knows can still turn most of a file into one error. What stands at the margin there is likely to be
what it looks like: `class NAME {`, and a function's head with its brace.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence

from tree_sitter import Node

from pgdex.indexer.chunking.errors_in_trees import BROKEN_SHARE, error_share
from pgdex.indexer.chunking.lines import Lines
from pgdex.indexer.chunking.model import Definition, Kind, Piece

_KINDS: dict[str, Kind] = {
    "class": "class",
    "struct": "struct",
    "union": "struct",
    "enum": "enum",
    "namespace": "namespace",
}
_SHAPES = (
    re.compile(
        r"^[ \t]*(?:template[ \t]*<[^;{}()\n]{0,200}>[ \t]*)?(?:typedef[ \t]+)?(?P<word>class|struct|union|namespace"
        r"|enum(?:[ \t]+(?:class|struct))?)[ \t]+(?:[A-Z_][A-Z0-9_]*[ \t]+)?(?P<name>[A-Za-z_]\w*)"
        r"[ \t]*(?:final[ \t]*)?(?::[^:;\n][^;\n{]*)?\n?[ \t]*\{",
        re.MULTILINE,
    ),
    # At the margin: the function's type may stand on the line above.
    re.compile(
        r"^(?:[A-Za-z_][\w:<>,]*[ \t*&]+){0,6}[*&]*(?P<name>(?:\w+::)*~?[A-Za-z_]\w*)[ \t]*\([^;{}]{0,2000}?\)"
        r"[^;{}()=]{0,200}?\n?\{",
        re.MULTILINE,
    ),
)
_NO_NAME = frozenset({"if", "else", "for", "while", "do", "switch", "return", "sizeof", "catch", "defined"})


def add_by_lines(lines: Lines, root: Node, pieces: Sequence[Piece]) -> None:
    """Adds to the pieces what their lines define, where more than a fifth of the file is in errors."""
    if not root.has_error or not pieces or error_share(root) <= BROKEN_SHARE:
        return
    known = {part for piece in pieces for definition in piece.defines for part in definition.symbol.split(".")}
    starts = [piece.start for piece in pieces]
    for shape in _SHAPES:
        for match in shape.finditer(lines.text):
            name = match["name"].replace("::", ".")
            last = name.rpartition(".")[2]
            if last in known or last in _NO_NAME:
                continue
            known.add(last)
            row = bisect_right(lines.offsets, match.start("name")) - 1
            word = match.groupdict().get("word")
            kind: Kind = "function" if word is None else _KINDS[word.split()[0]]
            pieces[bisect_right(starts, row) - 1].defines.append(Definition(kind, name, 0, name))
