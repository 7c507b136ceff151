"""A name that is searched for is found where it is defined before where it is used, each rule by an example."""

from dataclasses import replace

import pytest

from pgdex.indexer.search.candidates import Candidate, Defines
from pgdex.indexer.search.query import understand
from pgdex.indexer.search.ranking import rank
from tests.support.search_candidates import found, order


def test_a_definition_is_before_its_uses() -> None:
    candidates = [
        found("uses.py", file=1, lexical=9.0, similarity=0.9),
        found("defines.py", file=2, lexical=5.0, similarity=0.5, defines=Defines.EXACTLY),
        found("other.py", file=3, lexical=1.0, similarity=0.1),
    ]
    assert order("compute_it", *candidates)[0] == "defines.py"
    assert order("compute_it", *candidates, without="definitions")[0] == "uses.py"


def test_a_definition_as_it_is_spelled_is_before_one_in_other_letter_case() -> None:
    candidates = [
        found("folded.py", file=1, lexical=5.2, defines=Defines.FOLDED),
        found("exact.py", file=2, lexical=5.0, defines=Defines.EXACTLY),
        found("neither.py", file=3, lexical=5.4),
    ]
    assert order("Compute", *candidates) == ["exact.py", "folded.py", "neither.py"]
    assert order("Compute", *candidates, without="definitions") == ["neither.py", "folded.py", "exact.py"]


def test_a_name_in_a_sentence_counts_less_than_a_name_alone() -> None:
    candidate = found("a.py", file=1, lexical=5.0, defines=Defines.EXACTLY)
    (alone,) = rank(understand("compute_it"), [candidate])
    (in_text,) = rank(understand("where is compute_it called"), [candidate])
    assert alone.reasons["definition"] > in_text.reasons["definition"] > 0


def test_the_definition_of_a_name_as_it_is_spelled_is_before_a_file_full_of_its_uses_that_is_called_like_it() -> None:
    candidates = [
        *(found("token.cs", file=1, ordinal=number, lexical=9.0, similarity=0.9) for number in range(4)),
        found("parser.cs", file=2, lexical=3.0, defines=Defines.EXACTLY),
        found("far.cs", file=3, lexical=1.0, similarity=0.1),
    ]
    assert order("Token", *candidates)[0] == "parser.cs"
    assert order("token", *candidates)[0] == "token.cs", "a word in small letters may be a topic"


def test_a_name_that_is_defined_in_a_test_alone_is_found_there_before_its_uses() -> None:
    test = found("tests/test_cart.py", file=1, lexical=4.0, defines=Defines.EXACTLY)
    use = found("src/cart.py", file=2, lexical=5.0)
    defining = replace(use, defines=Defines.EXACTLY)
    assert order("make_cart", test, use)[0] == "tests/test_cart.py"
    assert order("make_cart", test, use, without="definitions")[0] == "src/cart.py"
    assert order("make_cart", replace(test, lexical=6.0), defining)[0] == "src/cart.py"
    folded = replace(use, defines=Defines.FOLDED)
    assert order("cart", test, folded)[0] == "src/cart.py", "who types no capital may mean the one with a capital"
    assert order("Cart", test, folded)[0] == "tests/test_cart.py"


def test_what_only_declares_a_name_is_after_what_defines_it_and_before_its_uses() -> None:
    candidates = [
        found("declares.h", file=1, lexical=4.9, defines=Defines.DECLARED),
        found("defines.cc", file=2, lexical=4.5, defines=Defines.EXACTLY),
        found("uses.cc", file=3, lexical=5.2),
    ]
    assert order("send_all", *candidates) == ["defines.cc", "declares.h", "uses.cc"]


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("struct header", "struct"),
        ("function header", "function"),
        ("header macro", "macro"),
        ("data class header", "class"),
        ("fn header", "function"),
    ],
)
def test_a_kind_and_a_name_look_up_the_definition_of_that_kind(query: str, kind: str) -> None:
    kinds = ["struct", "function", "macro", "class"]
    defined = [
        found(f"{one}.c", file=number, lexical=5.0 - (one == kind), defines=Defines.EXACTLY, kind=one, symbol="header")
        for number, one in enumerate(kinds)
    ]
    uses = found("uses.c", file=9, lexical=9.0, similarity=0.9)
    assert order(query, uses, *defined)[0] == f"{kind}.c"
    assert order("header", uses, *defined)[0] != f"{kind}.c"


def test_a_member_of_a_type_is_not_the_type_that_is_asked_for() -> None:
    def defined(path: str, *, file: int, symbol: str, says_kind: bool = False, kind: str = "interface") -> Candidate:
        lexical = 9.0 - file
        exactly = Defines.EXACTLY
        return found(path, file=file, lexical=lexical, defines=exactly, kind=kind, symbol=symbol, says_kind=says_kind)

    candidates = [
        defined("order.go", file=1, symbol="ByteOrder"),  # has a method Uint64
        defined("alias.go", file=2, symbol="Uint64", kind="type"),
        defined("types.go", file=3, symbol="Int64", kind="type", says_kind=True),  # and `type Uint64 interface {`
        defined("named.go", file=4, symbol="Uint64"),
    ]

    assert order("interface Uint64", *candidates) == ["types.go", "named.go", "order.go", "alias.go"]


def defined(path: str, symbol: str, kind: str, *, file: int) -> Candidate:
    """A definition that is less near the further down it is in a list."""
    nearness = 1.0 - file / 10
    return found(
        path,
        file=file,
        lexical=10 * nearness,
        similarity=nearness,
        defines=Defines.EXACTLY,
        symbol=symbol,
        kind=kind,
        start_line=1,
    )


def test_of_several_definitions_the_one_in_a_file_of_its_own_is_first() -> None:
    candidates = [
        defined("awt/EventQueue.java", "Queue", "class", file=1),
        defined("util/Queue.java", "Queue", "interface", file=4),
    ]

    assert order("Queue", *candidates) == ["util/Queue.java", "awt/EventQueue.java"]
    assert order("EventQueue.Queue", *candidates)[0] == "awt/EventQueue.java"


@pytest.mark.parametrize(("symbol", "kind"), [("FlagSet.Var", "method"), ("flags::Var::Var", "function")])
def test_a_name_alone_is_rather_a_type_or_a_function_than_a_method_or_a_constructor(symbol: str, kind: str) -> None:
    candidates = [
        defined("flag/flag.go", symbol, kind, file=1),
        defined("types/object.go", "Var", "struct", file=4),
    ]

    assert order("Var", *candidates) == ["types/object.go", "flag/flag.go"]
    assert order("FlagSet.Var", *candidates)[0] == "flag/flag.go"


def test_a_class_that_is_asked_for_is_shown_and_not_its_constructor() -> None:
    def piece(kind: str, *, symbol: str, similarity: float, start_line: int) -> Candidate:
        return found(
            "Cart.java",
            file=1,
            ordinal=start_line,
            lexical=9.0,
            similarity=similarity,
            defines=Defines.EXACTLY,
            kind=kind,
            symbol=symbol,
            start_line=start_line,
        )

    head = piece("class", symbol="Cart", similarity=0.7, start_line=1)
    constructor = piece("method", symbol="Cart.Cart", similarity=0.9, start_line=40)
    other = found("Other.java", file=2, lexical=1.0, similarity=0.3)

    ranked = rank(understand("class Cart"), [constructor, head, other])

    assert ranked[0].chunks[0] is head
