"""What a hit is called: where small functions share a chunk, it is the one that was asked for."""

import re
from collections.abc import Collection
from typing import Final

from pgdex.indexer.lexemes import tokens
from pgdex.indexer.search.candidates import TYPES, Candidate, Defines
from pgdex.indexer.search.names import last_part

_BETWEEN: Final = ".:#\\"  # names


def headline(chunk: Candidate, content: str, names: Collection[str]) -> str | None:
    """The symbol to show for a chunk with this content, found by a search for the names."""
    if not chunk.defines or chunk.kind in TYPES:  # rightly called by its own name
        return chunk.symbol
    folded = str.lower if chunk.defines is Defines.FOLDED else str
    last = last_part(chunk.symbol or "")
    if folded(last) in map(folded, names):  # another name that is asked for may only be used there
        return chunk.symbol
    spelled = {folded(token): token for token in tokens(content)}
    for name in names:
        found = spelled.get(folded(name))
        if found is None:
            continue
        if chunk.kind == "namespace":  # the head of a namespace, and what it begins with
            return f"{chunk.symbol}.{found}" if chunk.symbol else found
        around = (chunk.symbol or "").removesuffix(last)
        owner = last_part(around.rstrip(_BETWEEN))
        if chunk.kind == "method" and owner and _stands_alone(found, owner, content):
            around = around.rstrip(_BETWEEN).removesuffix(owner)
        return around + found
    return chunk.symbol


def _stands_alone(name: str, around: str, content: str) -> bool:
    """Whether a function in a chunk of methods is none of them. A method is indented below its class, or the class is
    named where it begins (`func (c *Cart) Total()`, `int Cart::total()`); else it is taken for one."""
    begins = re.compile(
        rf"^(?P<before>[^\n/#*]*)(?<![\w$]){re.escape(name)}(?:\s*[(<\[{{:=]|\s+(?:struct|interface)\b)", re.MULTILINE
    )
    before = min((found["before"] for found in begins.finditer(content)), key=_indentation, default=" ")
    return _indentation(before) == 0 and not re.search(rf"(?<![\w$]){re.escape(around)}(?![\w$])", before)


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())
