"""The rules of the ranking, each by an example that would end otherwise without it."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdex.indexer.search.candidates import Candidate, Defines
from pgdex.indexer.search.query import understand
from pgdex.indexer.search.ranking import RULES, rank
from tests.support.search_candidates import WORDS, found, order

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


def test_a_message_that_stands_somewhere_word_for_word_is_first_there() -> None:
    message = "the connection pool is exhausted now"
    candidates = [
        found("pool.py", file=1, lexical=9.0, similarity=0.9),
        found("right.py", file=2, lexical=4.0, is_word_for_word=True),
        found("far.py", file=3, lexical=1.0, similarity=0.1),
    ]
    assert order(message, *candidates)[0] == "right.py"
    assert order(message, *candidates, without="messages")[0] == "pool.py"


def test_a_message_with_a_place_for_a_value_is_found_by_the_rest_of_it() -> None:
    message = "cannot set headers after they are sent"
    candidates = [
        found("headers.py", file=1, lexical=9.0, similarity=0.1, said=0.25),
        found("errors.py", file=2, lexical=4.0, similarity=0.1, said=0.6),  # 'cannot %s headers after they are sent'
        found("messages.md", file=3, lexical=4.0, said=0.75),
    ]
    assert order(message, *candidates)[0] == "errors.py"
    assert order(message, *candidates, without="messages")[0] == "headers.py"


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
        said=st.floats(0, 1),
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
