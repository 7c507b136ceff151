"""Languages whose definitions begin with a keyword, found without a grammar.

For languages that have no grammar in the bundle, or none that can be trusted: that for Perl can be
made to run for ever without a progress callback, and that for Tcl takes real files for one error.
A definition lasts until the next one that is not indented more than it.
"""

import re
from collections.abc import Callable, Mapping

from pgdex.indexer.chunking.lines import Lines
from pgdex.indexer.chunking.model import Kind
from pgdex.indexer.chunking.outlines.heading import Heading, above, matches, title_of

# What a keyword means everywhere, if its language has it.
_KINDS: Mapping[str, Kind] = {
    "sub": "function",
    "proc": "function",
    "method": "method",
    "def": "function",
    "defp": "function",
    "fn": "function",
    "fun": "function",
    "func": "function",
    "function": "function",
    "procedure": "function",
    "process": "function",
    "task": "function",
    "class": "class",
    "object": "class",
    "role": "class",
    "trait": "interface",
    "interface": "interface",
    "module": "namespace",
    "package": "namespace",
    "namespace": "namespace",
    "lib": "namespace",
    "struct": "struct",
    "union": "struct",
    "record": "struct",
    "enum": "enum",
    "typedef": "type",
    "type": "type",
    "alias": "type",
    "abstract": "type",
    "annotation": "type",
    "macro": "macro",
    "define": "class",
    "node": "resource",
    "entity": "interface",
    "architecture": "class",
    "configuration": "resource",
}


def by_keyword(
    pattern: str,
    *,
    comments: tuple[str, ...],
    covers: str = "",
    kinds: Mapping[str, Kind] = _KINDS,
) -> Callable[[Lines], list[Heading]]:
    """A finder for lines that match: their groups are `indent`, `word` and `name`.

    The keyword `covers` names all that follows on its level, as `package` does in Perl.
    """
    compiled = re.compile(pattern, re.MULTILINE)

    def find(lines: Lines) -> list[Heading]:
        headings: list[Heading] = []
        for row, match in matches(compiled, lines):
            word = match["word"].lower()
            level = 2 * len(match["indent"]) + (0 if word == covers else 1)
            start = above(lines, row, comments)
            if headings and start <= headings[-1].row:
                start = row
            name = re.sub(r"::|(?<=\w)'(?=\w)", ".", match["name"])
            headings.append(Heading(start, level, title_of(name), kinds.get(word, "function")))
        return headings

    return find


_INDENT = r"^(?P<indent>[ \t]*)"
_HASH, _SLASHES, _DASHES = ("#",), ("//", "/*", "*", "@"), ("--",)

perl = by_keyword(
    _INDENT + r"(?P<word>sub|method|package|class|role)[ \t]+(?P<name>[\w:']+)",
    comments=_HASH,
    covers="package",
)
tcl = by_keyword(
    _INDENT + r"(?:oo::)?(?P<word>proc|method|namespace|class)[ \t]+(?:eval[ \t]+|create[ \t]+)?"
    r"(?::{2,})?(?P<name>[^\s{}\"$;\[\]]+)",
    comments=_HASH,
)
groovy = by_keyword(
    _INDENT + r"(?:(?:public|private|protected|static|final|abstract)[ \t]+)*"
    r"(?P<word>class|interface|trait|enum|def|task|void|boolean|int|String|Map|List)[ \t]+"
    r"(?P<name>\w+)(?=[ \t]*[({]|[ \t]+(?:extends|implements)\b)",
    comments=_SLASHES,
)
vhdl = by_keyword(
    _INDENT + r"(?P<word>(?i:entity|architecture|package|procedure|function|configuration))[ \t]+"
    r"(?:(?i:body)[ \t]+)?(?P<name>\w+)",
    comments=_DASHES,
)
puppet = by_keyword(_INDENT + r"(?P<word>class|define|node|function|type)[ \t]+(?P<name>['\w:.]+)", comments=_HASH)
odin = by_keyword(
    _INDENT + r"(?P<name>\w+)[ \t]*::[ \t]*(?:#\w+[ \t]+)*(?P<word>proc|struct|enum|union)\b",
    comments=_SLASHES,
)
haxe = by_keyword(
    _INDENT + r"(?:(?:public|private|static|override|inline|extern|final|dynamic|macro)[ \t]+)*"
    r"(?P<word>class|interface|enum|typedef|abstract|function)[ \t]+(?P<name>\w+)",
    comments=_SLASHES,
)
crystal = by_keyword(
    _INDENT + r"(?:(?:private|protected|abstract)[ \t]+)*"
    r"(?P<word>class|module|struct|enum|def|macro|lib|fun|annotation|alias)[ \t]+"
    r"(?P<name>(?:self\.)?[\w:]+[?!=]?)",
    comments=_HASH,
)
wgsl = by_keyword(
    _INDENT + r"(?:@\w+(?:\([^)\n]*\))?[ \t]*)*(?P<word>fn|struct|alias)[ \t]+(?P<name>\w+)",
    comments=_SLASHES,
)
cairo = by_keyword(
    _INDENT + r"(?:pub(?:\([^)\n]*\))?[ \t]+)?(?P<word>fn|struct|enum|trait|impl|mod|type)[ \t]+"
    r"(?P<name>\w+)",
    comments=(*_SLASHES, "#["),
    kinds={**_KINDS, "impl": "class", "mod": "namespace"},
)
# In fixed form: comments begin in column 1. What follows `END` or `MODULE PROCEDURE` begins nothing.
fortran = by_keyword(
    _INDENT + r"(?i:(?:(?:integer|real|double[ \t]+precision|complex|logical|character)"
    r"(?:[ \t]*\*[ \t]*(?:\d+|\(\*\)))?[ \t]+|(?:recursive|pure|elemental)[ \t]+){0,3}"
    r"(?P<word>subroutine|function|program|module(?![ \t]+procedure\b)|block[ \t]*data|entry)[ \t]+(?P<name>\w+))",
    comments=("C ", "c ", "C-", "C=", "C*", "*", "!"),
)
assembly = by_keyword(r"^(?P<indent>)(?P<name>[A-Za-z_][\w.$@]*):(?P<word>)", comments=(";", "#", "//", "@"))
