"""The rules of the ranking, each by an example that would end otherwise without it."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdex.indexer.search.candidates import Candidate, Defines
from pgdex.indexer.search.query import understand
from pgdex.indexer.search.ranking import RULES, rank

WORDS = "how is the retry delay computed"


def found(
    path: str,
    *,
    file: int,
    ordinal: int = 0,
    lexical: float = 0.0,
    similarity: float = 0.0,
    defines: Defines = Defines.NOTHING,
    asked: bool = False,
    kind: str = "",
    language: str = "",
    symbol: str | None = None,
    start_line: int = 0,
    is_word_for_word: bool = False,
) -> Candidate:
    return Candidate(
        (1, file, ordinal),
        path=path,
        language=language,
        kind=kind,
        symbol=symbol,
        start_line=start_line,
        lexical=lexical,
        similarity=similarity,
        defines=defines,
        path_is_asked_for=asked,
        is_word_for_word=is_word_for_word,
    )


def order(query: str, *candidates: Candidate, without: str | None = None) -> list[str]:
    """The paths, best first."""
    rules = frozenset() if without is None else frozenset({without})
    return [file.chunks[0].path for file in rank(understand(query), candidates, without=rules)]


# The retrievers


def test_no_candidates_are_no_files() -> None:
    assert rank(understand(WORDS), []) == []


def test_one_retriever_alone_keeps_its_order() -> None:
    by_words = [found(f"{name}.py", file=number, lexical=9.0 - number) for number, name in enumerate("abcd")]
    by_vectors = [found(f"{name}.py", file=number, similarity=0.9 - number / 10) for number, name in enumerate("abcd")]
    assert order(WORDS, *by_words) == order(WORDS, *by_vectors) == ["a.py", "b.py", "c.py", "d.py"]


def test_the_best_of_one_retriever_alone_scores_as_high_as_the_best_of_both() -> None:
    far = found("far.py", file=2, lexical=1.0, similarity=0.1)
    words_only = rank(understand(WORDS), [found("a.py", file=1, lexical=3.0), replace(far, similarity=0.0)])
    vectors_only = rank(understand(WORDS), [found("a.py", file=1, similarity=0.3), replace(far, lexical=0.0)])
    both = rank(understand(WORDS), [found("a.py", file=1, lexical=3.0, similarity=0.3), far])
    assert words_only[0].score == pytest.approx(vectors_only[0].score) == pytest.approx(both[0].score)


def test_what_both_retrievers_find_is_before_what_one_of_them_finds() -> None:
    assert (
        order(
            WORDS,
            found("words.py", file=1, lexical=10.0),
            found("both.py", file=2, lexical=9.5, similarity=0.58),
            found("vectors.py", file=3, similarity=0.6),
            found("far.py", file=4, similarity=0.1),
        )[0]
        == "both.py"
    )


def test_the_words_of_a_name_count_more_than_its_meaning() -> None:
    candidates = [
        *(
            found("words.py", file=1, lexical=10.0, similarity=0.1),
            found("vectors.py", file=2, lexical=1.0, similarity=0.9),
        ),
        found("none.py", file=3, lexical=0.5, similarity=0.05),
    ]
    assert order("parse_args", *candidates)[0] == "words.py"


def test_a_retriever_that_found_only_equals_does_no_harm() -> None:
    assert order(WORDS, found("b.py", file=2, similarity=0.5), found("a.py", file=1, similarity=0.5)) == [
        "a.py",
        "b.py",
    ]


# The rules


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


def test_a_file_that_is_named_after_the_question_is_before_one_that_is_not() -> None:
    candidates = [found("src/util.py", file=1, lexical=5.2), found("src/retry.py", file=2, lexical=5.0)]
    assert order(WORDS, *candidates) == ["src/retry.py", "src/util.py"]
    assert order(WORDS, *candidates, without="file names") == ["src/util.py", "src/retry.py"]


@pytest.mark.parametrize(
    "path", ["retry-policy.ts", "retry_policy.py", "RetryPolicy.java", "policy.retry-2.js", "retries.rb"]
)
def test_a_part_of_a_files_name_counts_in_every_way_to_write_it(path: str) -> None:
    asked = "policy" if path.startswith("policy") else "retry"
    (file,) = rank(understand(f"how does {asked} happen"), [found(path, file=1, lexical=1.0)])
    assert file.reasons["file name"] > 0


def test_all_of_a_files_name_counts_more_than_a_part_of_it() -> None:
    whole, part = (
        rank(understand(WORDS), [found(path, file=1, lexical=1.0)])[0] for path in ("retry.py", "retry_log.py")
    )
    assert whole.reasons["file name"] > part.reasons["file name"]


def test_a_file_with_several_good_pieces_is_before_one_with_a_single_good_piece() -> None:
    candidates = [
        found("single.py", file=1, lexical=5.2),
        *(found("several.py", file=2, ordinal=number, lexical=5.0) for number in range(4)),
    ]
    assert order(WORDS, *candidates) == ["several.py", "single.py"]
    assert order(WORDS, *candidates, without="several chunks") == ["single.py", "several.py"]


@pytest.mark.parametrize(
    "path",
    [
        *("tests/test_retries.py", "examples/a.py", "vendor/a.go", "api/a.pb.go", "CHANGELOG.md", "a.json", "a.pyi"),
        "pkg/__init__.py",
    ],
)
def test_what_is_not_the_program_itself_is_after_it(path: str) -> None:
    candidates = [found(path, file=1, lexical=5.2), found("src/a.py", file=2, lexical=5.0)]
    assert order("compute the thing", *candidates) == ["src/a.py", path]
    assert order("compute the thing", *candidates, without="roles") == [path, "src/a.py"]


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("examples/cart.py", "an example of a cart"),
        ("vendor/cart.go", "the vendored cart"),
        ("README.md", "the readme about the cart"),
        ("a.json", "the json of a cart"),
        ("docs/guide.md", "documentation of the cart"),
    ],
)
def test_a_role_that_is_asked_for_comes_back_to_the_top(path: str, query: str) -> None:
    assert order(query, found(path, file=1, lexical=5.2), found("src/a.py", file=2, lexical=5.0))[0] == path


def test_a_test_that_is_asked_for_loses_half_of_its_penalty() -> None:
    def order_with(lexical: float) -> list[str]:
        helper = found("src/clock.py", file=2, lexical=5.0)
        return order("a fake clock for tests", found("tests/a.py", file=1, lexical=lexical), helper)

    assert order_with(5.2)[0] == "src/clock.py", "who writes tests looks for what helps with them"
    test, helper = (
        rank(understand(query), [found("tests/a.py", file=1, lexical=5.0)])[0].score
        for query in ("a fake clock for tests", "a fake clock")
    )
    assert test == pytest.approx(helper * 0.7 / 0.4)


def test_the_path_that_is_asked_for_is_first() -> None:
    assert (
        order(
            "src/app.py",
            found("src/uses.py", file=1, lexical=9.0, similarity=0.9),
            found("src/app.py", file=2, asked=True),
            found("tests/src/app.py", file=3, lexical=8.0, asked=True),
        )[0]
        == "src/app.py"
    )


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
        found(f"{one}.c", file=number, lexical=5.0 - (one == kind), defines=Defines.EXACTLY, kind=one)
        for number, one in enumerate(kinds)
    ]
    uses = found("uses.c", file=9, lexical=9.0, similarity=0.9)
    assert order(query, uses, *defined)[0] == f"{kind}.c"
    assert order("header", uses, *defined)[0] != f"{kind}.c"


def test_a_message_that_stands_somewhere_word_for_word_is_first_there() -> None:
    message = "the connection pool is exhausted now"
    candidates = [
        found("pool.py", file=1, lexical=9.0, similarity=0.9),
        found("right.py", file=2, lexical=4.0, is_word_for_word=True),
        found("far.py", file=3, lexical=1.0, similarity=0.1),
    ]
    assert order(message, *candidates)[0] == "right.py"
    assert order(message, *candidates, without="messages")[0] == "pool.py"


def test_what_prose_says_word_for_word_counts_only_in_quotes() -> None:
    message = "the connection pool is exhausted"
    candidates = [
        found("README.md", file=1, lexical=5.0, is_word_for_word=True),
        found("pool.py", file=2, lexical=5.0),
    ]
    assert order(message, *candidates)[0] == "pool.py"
    assert order(f'"{message}"', *candidates)[0] == "README.md"


def test_the_implementation_in_a_mod_rs_is_not_lowered_as_an_entrance() -> None:
    def score(kind: str) -> float:
        piece = found("net/mod.rs", file=1, lexical=5.0, kind=kind, language="rust")
        return rank(understand("compute_it"), [piece])[0].score

    assert score("module") == pytest.approx(0.8 * score("function"))


# What holds for any candidates

CANDIDATES = st.lists(
    st.builds(
        found,
        st.sampled_from(["src/retry.py", "tests/test_a.py", "a.md", "retry/delay.go", "v1/a.h", "v2/a.h", "x"]),
        file=st.integers(1, 5),
        ordinal=st.integers(0, 4),
        lexical=st.floats(0, 50),
        similarity=st.floats(0, 1),
        defines=st.sampled_from(Defines),
        asked=st.booleans(),
        kind=st.sampled_from(["", "function", "class", "module"]),
        start_line=st.integers(0, 3),
        is_word_for_word=st.booleans(),
    ),
    unique_by=lambda one: one.key,
    max_size=15,
)
QUERIES = st.sampled_from([WORDS, "parse_args", "src/retry.py", "ValueError: no", "x = delay(retry)", "tests of retry"])


@given(QUERIES, CANDIDATES, st.randoms(use_true_random=False), st.sets(st.sampled_from(RULES)))
def test_the_order_does_not_depend_on_the_order_of_the_candidates(
    query: str, candidates: list[Candidate], random: Random, without: set[str]
) -> None:
    # A file has one path.
    candidates = [replace(one, path=f"{one.key[1]}/{one.path}") for one in candidates]
    paths = {one.file: one.path for one in candidates}
    candidates = [replace(one, path=paths[one.file]) for one in candidates]
    shuffled = candidates[:]
    random.shuffle(shuffled)

    one, other = (rank(understand(query), each, without=frozenset(without)) for each in (candidates, shuffled))

    assert [[chunk.key for chunk in file.chunks] for file in one] == [
        [chunk.key for chunk in file.chunks] for file in other
    ]
    assert [file.score for file in one] == pytest.approx([file.score for file in other])


@given(QUERIES, CANDIDATES, st.sets(st.sampled_from(RULES)))
def test_every_candidate_is_in_one_file_and_scores_fall(
    query: str, candidates: list[Candidate], without: set[str]
) -> None:
    ranked = rank(understand(query), candidates, without=frozenset(without))
    assert sorted(chunk.key for file in ranked for chunk in file.chunks) == sorted(one.key for one in candidates)
    assert all(len({chunk.file for chunk in file.chunks}) == 1 for file in ranked)
    assert [file.score for file in ranked] == sorted((file.score for file in ranked), reverse=True)
    for file in ranked:
        assert file.score >= 0
        assert sum(file.reasons.values()) == pytest.approx(file.score, abs=1e-9)
        assert all(file.reasons.values()), "reasons that count for nothing are left out"
