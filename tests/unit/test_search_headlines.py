"""What a hit is called where functions share a chunk."""

import pytest

from pgdex.indexer.search.candidates import Candidate, Defines
from pgdex.indexer.search.headlines import headline

CONTENT = "def first(a):\n    return a\n\ndef Second(b):\n    return b\n"


@pytest.mark.parametrize(
    ("symbol", "kind", "defines", "name", "shown"),
    [
        ("first", "function", Defines.EXACTLY, "Second", "Second"),
        ("first", "function", Defines.FOLDED, "second", "Second"),
        ("Cart.first", "method", Defines.EXACTLY, "Second", "Cart.Second"),
        ("Cart::first", "method", Defines.EXACTLY, "Second", "Cart::Second"),
        (None, "module", Defines.EXACTLY, "Second", "Second"),
        ("Cart", "class", Defines.EXACTLY, "Second", "Cart"),
        ("first", "function", Defines.NOTHING, "Second", "first"),
        ("first", "function", Defines.EXACTLY, "third", "first"),
        ("first", "function", Defines.EXACTLY, "first", "first"),
    ],
)
def test_a_shared_chunk_is_called_by_the_function_that_was_asked_for(
    symbol: str | None, kind: str, defines: Defines, name: str, shown: str
) -> None:
    chunk = Candidate((1, 1, 0), symbol=symbol, kind=kind, defines=defines)
    assert headline(chunk, CONTENT, [name]) == shown
