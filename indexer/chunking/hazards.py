"""What grammars must not be given, found by giving them rubbish.

A parser runs inside of the worker, and where it crashes or never returns, so does the worker, and so
does the one that takes the file over. Grammars that hang without a progress callback (Perl) are not
used at all.
"""

import re

from pgdex.indexer.chunking.lines import Lines

# A longer line is a chunk of its own whatever is in it: parsing it gains nothing.
LONGEST_LINE = 5_000

# More brackets than this that are never closed are no code. tree-sitter's error recovery from them
# can take minutes and all memory between two looks at the progress callback (Java and Rust with
# "%w(" 10,000 times); closed ones may be nested as deep as they like.
_MOST_OPEN_BRACKETS = 500
_BRACKETS = ((b"(", b")"), (b"[", b"]"), (b"{", b"}"))
# Those in strings don't count: a table of escape sequences has one in each line.
_STRING = re.compile(rb'"(?:[^"\\\n]|\\.)*+"')

# The scanners of these look a character up in a table of 256 without looking whether it is in it:
# one emoji can end the process.
_ASCII_ONLY = frozenset({"bash", "d", "v"})
_AS_ASCII = bytes(range(128)) + b"x" * 128

# Kotlin's scanner aborts the process at the 1,024th nested string; each nesting needs one of these.
_MOST_TEMPLATES = 1_000

# A word that a grammar takes for an error, and that changes nothing about what is defined: C#'s takes
# `ref partial struct` for a variable, and the struct's members for those of a function.
_NEEDLESS = {"csharp": (b"partial struct", re.compile(rb"\bref(?=[ \t]+partial struct\b)"))}


def readable(lines: Lines, source: bytes, grammar: str) -> bytes | None:
    """What the parser of a grammar may read instead of a source; None: nothing at all.

    Everything stays in its place: overlong lines and words that a grammar does not know become spaces,
    and for some grammars what is not ASCII becomes letters.
    """
    if lines.longest > LONGEST_LINE:
        rows = source.split(b"\n")
        source = b"\n".join(row if len(row) <= LONGEST_LINE else b" " * len(row) for row in rows)
    if _has_open_brackets(source) and _has_open_brackets(_STRING.sub(b'""', source)):
        return None
    if grammar == "kotlin" and source.count(b"$") >= _MOST_TEMPLATES:
        return None
    needless = _NEEDLESS.get(grammar)
    if needless is not None and needless[0] in source:
        source = needless[1].sub(b"   ", source)
    return source.translate(_AS_ASCII) if grammar in _ASCII_ONLY else source


def _has_open_brackets(source: bytes) -> bool:
    for opening, closing in _BRACKETS:
        opened = source.count(opening)
        # Most files have not as many, and of those nothing else need be counted.
        if opened > _MOST_OPEN_BRACKETS and opened - source.count(closing) > _MOST_OPEN_BRACKETS:
            return True
    return False
