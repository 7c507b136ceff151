"""What a hit is called: where small functions share a chunk, it is the one that was asked for."""

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
        # A method beside others has the class of these.
        return (chunk.symbol or "").removesuffix(last) + found
    return chunk.symbol
