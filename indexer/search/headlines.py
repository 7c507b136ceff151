"""What a hit is called: where small functions share a chunk, it is the one that was asked for."""

import re
from collections.abc import Iterable

from pgdex.indexer.lexemes import tokens
from pgdex.indexer.search.candidates import CONTAINERS, Candidate, Defines
from pgdex.indexer.search.names import last_part


def headline(chunk: Candidate, content: str, names: Iterable[str]) -> str | None:
    """The symbol to show for a chunk with this content, found by a search for the names."""
    if not chunk.defines or chunk.kind in CONTAINERS:  # rightly called by its own name
        return chunk.symbol
    spelled = {token: token for token in tokens(content)}
    if chunk.defines is Defines.FOLDED:
        spelled = {token.lower(): token for token in spelled}
    last = last_part(chunk.symbol or "")
    for name in names:
        key = name.lower() if chunk.defines is Defines.FOLDED else name
        found = spelled.get(key)
        if found is None:
            continue
        around = (chunk.symbol or "").removesuffix(last)
        return found if around and _stands_alone(found, last_part(around.rstrip(".:#\\")), content) else around + found
    return chunk.symbol


def _stands_alone(name: str, around: str, content: str) -> bool:
    """Whether a function in a chunk of methods is none of them. A method is indented below its class, or the class is
    named where it begins (`func (c *Cart) Total()`, `int Cart::total()`); else it is taken for one."""
    begins = re.compile(rf"^(?P<before>[^\n/#*]*)(?<![\w$]){re.escape(name)}\s*[(<\[]", re.MULTILINE)
    before = min((found["before"] for found in begins.finditer(content)), key=_indentation, default=" ")
    return _indentation(before) == 0 and not re.search(rf"(?<![\w$]){re.escape(around)}(?![\w$])", before)


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())
