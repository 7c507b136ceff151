"""Which piece of a found file is shown: the one that answers, whichever scored best."""

from pgdex.indexer.search.candidates import Defines
from pgdex.indexer.search.query import understand
from pgdex.indexer.search.ranking import rank
from tests.support.search_candidates import WORDS, found


def test_a_question_is_answered_with_a_function_before_the_class_around_it_and_a_name_is_not() -> None:
    pieces = [
        found("a.py", file=1, lexical=5.2, kind="class"),
        found("a.py", file=1, ordinal=1, lexical=5.0, kind="method"),
    ]

    def shown(query: str, *, without: frozenset[str] = frozenset()) -> str:
        return rank(understand(query), pieces, without=without)[0].chunks[0].kind

    assert shown(WORDS) == "method"
    assert shown(WORDS, without=frozenset({"kinds of pieces"})) == "class"
    assert shown("RetryDelay") == "class"


def test_of_two_functions_the_one_whose_name_says_what_is_asked_is_shown() -> None:
    pieces = [
        found("a.py", file=1, lexical=5.2, kind="method", symbol="Queue.send"),
        found("a.py", file=1, ordinal=1, lexical=5.0, kind="method", symbol="Queue.compute_retry_delay"),
        found("b.py", file=2, lexical=1.0),
    ]

    def shown(without: frozenset[str] = frozenset()) -> str | None:
        return rank(understand(WORDS), pieces, without=without)[0].chunks[0].symbol

    assert shown() == "Queue.compute_retry_delay"
    assert shown(frozenset({"names of pieces"})) == "Queue.send"


def test_the_score_of_a_file_is_that_of_its_best_piece_whichever_is_shown() -> None:
    one = [
        found("a.py", file=1, lexical=5.2, kind="class"),
        found("a.py", file=1, ordinal=1, lexical=4.5, kind="method"),
    ]
    (file,) = rank(understand(WORDS), one)
    assert file.chunks[0].kind == "method"
    assert file.score >= rank(understand(WORDS), one[:1])[0].score


def test_the_definition_of_a_rust_type_is_shown_before_its_implementation() -> None:
    pieces = [
        found("a.rs", file=1, lexical=5.5, defines=Defines.EXACTLY, kind="class", language="rust", start_line=1),
        found("a.rs", file=1, ordinal=1, lexical=5.0, defines=Defines.EXACTLY, kind="struct", start_line=40),
    ]
    assert rank(understand("Session"), pieces)[0].chunks[0].kind == "struct"


def test_a_function_is_shown_and_not_the_prototypes_at_the_top_of_its_file() -> None:
    pieces = [
        found("a.c", file=1, lexical=5.2, defines=Defines.EXACTLY, kind="function", symbol="first", start_line=3),
        found("a.c", file=1, ordinal=4, lexical=5.0, defines=Defines.EXACTLY, symbol="send_all", start_line=90),
    ]
    assert rank(understand("send_all"), pieces)[0].chunks[0].symbol == "send_all"


def test_of_several_clauses_of_a_function_the_first_is_shown_where_its_name_alone_is_asked_for() -> None:
    pieces = [
        found("a.ex", file=1, lexical=5.0, defines=Defines.EXACTLY, kind="function", symbol="A.do_at", start_line=30),
        found("a.ex", file=1, ordinal=4, lexical=9.0, defines=Defines.EXACTLY, symbol="B.do_at", start_line=90),
    ]
    assert rank(understand("do_at"), pieces)[0].chunks[0].start_line == 30
    assert rank(understand("B.do_at"), pieces)[0].chunks[0].start_line == 90, "the first may be another one's"


def test_the_class_and_not_its_constructor_is_shown_for_its_name() -> None:
    pieces = [
        found("A.cs", file=1, lexical=5.0, defines=Defines.EXACTLY, kind="class", symbol="Cart", start_line=3),
        found("A.cs", file=1, ordinal=1, lexical=5.2, defines=Defines.EXACTLY, kind="method", symbol="Cart.Cart"),
    ]
    pieces[1].start_line = 20
    assert rank(understand("Cart"), pieces)[0].chunks[0].kind == "class"
