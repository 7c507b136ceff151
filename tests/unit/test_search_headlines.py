"""What a hit is called where functions share a chunk."""

import pytest

from pgdex.indexer.search.candidates import Candidate, Defines
from pgdex.indexer.search.headlines import headline

CONTENT = "def first(a):\n    return a\n\ndef Second(b):\n    return b\n"
INDENTED = CONTENT.replace("def ", "    def ")


@pytest.mark.parametrize(
    ("symbol", "kind", "defines", "name", "shown"),
    [
        ("first", "function", Defines.EXACTLY, "Second", "Second"),
        ("first", "function", Defines.FOLDED, "second", "Second"),
        (None, "module", Defines.EXACTLY, "Second", "Second"),
        ("Cart", "class", Defines.EXACTLY, "Second", "Cart"),
        ("shop", "namespace", Defines.EXACTLY, "Second", "shop.Second"),
        ("shop.Second", "namespace", Defines.EXACTLY, "Second", "shop.Second"),
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


@pytest.mark.parametrize(
    ("symbol", "content", "name", "shown"),
    [
        ("Cart.first", INDENTED, "Second", "Cart.Second"),
        ("Cart::first", INDENTED, "Second", "Cart::Second"),
        ("Cart.Total", "func (c *Cart) Total() int {\n}\n\nfunc (c *Cart) Empty() {\n}\n", "Empty", "Cart.Empty"),
        ("shop::Cart::total", "int Cart::total() {\n}\nvoid Cart::empty() {\n}\n", "empty", "shop::Cart::empty"),
        ("Cart.total", "  def total\n  end\n\n  def empty\n  end\n", "empty", "Cart.empty"),
        # A function among the methods, which may call it or speak of it.
        ("Cart.Total", "func Open(id int) Cart {\n}\n\nfunc (c *Cart) Total() int {\n\tOpen(1)\n}\n", "Open", "Open"),
        ("Cart.Total", "// Open(id) opens a Cart\nfunc Open(id int) error {\n}\n", "Open", "Open"),
        ("Cart::total", "int Cart::total() {\n}\nvoid sweep(int age) {\n}\n", "sweep", "sweep"),
    ],
)
def test_a_function_among_methods_is_not_called_one_of_them(symbol: str, content: str, name: str, shown: str) -> None:
    chunk = Candidate((1, 1, 0), symbol=symbol, kind="method", defines=Defines.EXACTLY)
    assert headline(chunk, content, [name]) == shown


@pytest.mark.parametrize(("defines", "names"), [(Defines.EXACTLY, ["KeyError", "first"]), (Defines.FOLDED, ["FIRST"])])
def test_a_chunk_keeps_its_own_name_where_that_is_asked_for_among_others(defines: Defines, names: list[str]) -> None:
    chunk = Candidate((1, 1, 0), symbol="Cart.first", kind="method", defines=defines)
    assert headline(chunk, "    def first(a):\n        raise KeyError(a)\n", names) == "Cart.first"
