"""Answers in which nothing fits say so."""

from typing import Any

import pytest

from pgdex.indexer.search import Place, SearchHit
from pgdex.jobs.client.fit import misfit


def hit(content: str, **changes: Any) -> SearchHit:
    values: dict[str, Any] = {
        "repository": "shop",
        "repo_path": "/src/shop",
        "path": "shop/cart.py",
        "start_line": 1,
        "end_line": 2,
        "kind": "function",
        "symbol": None,
        "language": "python",
        "score": 1.0,
        "content": content,
    }
    return SearchHit(**(values | changes))


def test_hits_without_the_words_of_the_query_do_not_fit_and_the_words_are_named() -> None:
    found = misfit("make a chocolate cake with cream", [hit("def make_cart(): pass"), hit("total = 1")])

    assert found is not None
    assert found.nowhere == ("chocolate", "cake", "cream")
    assert found.message == (
        "Nothing fits well: no hit has more than 1 of the query's 4 words (none has: chocolate, cake, cream). What "
        "follows is only near in meaning."
    )


def test_a_query_of_which_no_word_was_found_says_so() -> None:
    found = misfit("chocolate cake", [hit("total = 1")])

    assert found is not None
    assert found.message.startswith("Nothing fits well: no hit has the query's 2 words. ")


@pytest.mark.parametrize(
    "changes",
    [
        {"content": "def bake(cake): pass"},
        {"content": "x", "path": "cakes/chocolate.py"},
        {"content": "x", "symbol": "ChocolateCake"},
        {"content": "x", "more": [Place(9, 9, None, "function", "chocolate = True")]},
    ],
)
def test_one_hit_with_a_third_of_the_words_fits_wherever_it_has_them(changes: dict[str, Any]) -> None:
    assert misfit("dark chocolate cakes", [hit("total = 1"), hit(**changes)]) is None


def test_words_that_are_spread_over_several_hits_are_not_an_answer() -> None:
    assert misfit("chocolate cake with whipped cream", [hit("chocolate"), hit("cake"), hit("cream")]) is not None


@pytest.mark.parametrize("query", ["parse_args", "src/app.py", "ValueError: no cake", "cakes[0] = cake;"])
def test_names_paths_errors_and_code_are_judged_by_the_search_itself(query: str) -> None:
    assert misfit(query, [hit("total = 1")]) is None


def test_an_answer_without_hits_needs_no_warning() -> None:
    assert misfit("chocolate cake", []) is None
