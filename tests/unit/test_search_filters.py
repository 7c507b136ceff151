"""What narrows a search, and which narrowings are refused."""

import re
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from pgdex.indexer.chunking import KINDS
from pgdex.indexer.search import RelatedRequest, SearchRefused, SearchRequest
from pgdex.indexer.search.filters import TESTS, Filters
from pgdex.jobs.client.search import refusals
from pgdex.jobs.errors import InvalidRequest


def left(filters: Filters, paths: list[str]) -> list[str]:
    """The paths that the filters leave, as the database tells it."""
    return [
        path
        for path in paths
        if (filters.path_regex is None or re.search(filters.path_regex, path))
        and (filters.without_regex is None or not re.search(filters.without_regex, path))
        and (filters.with_regex is None or re.search(filters.with_regex, path))
    ]


PATHS = ["src/cart.py", "src/cart_test.go", "tests/test_cart.py", "tests/data/cart.go", "readme.md", "src/a/b.py"]


def test_no_filters_leave_all() -> None:
    assert Filters.of() == Filters(None, None, None, None)
    assert left(Filters.of(), PATHS) == PATHS


@pytest.mark.parametrize(
    ("path_glob", "tests", "expected"),
    [
        ("*.py", "in", ["src/cart.py", "tests/test_cart.py", "src/a/b.py"]),
        ("*.py", "out", ["src/cart.py", "src/a/b.py"]),
        ("*.py", "only", ["tests/test_cart.py"]),
        ("src/*", "in", ["src/cart.py", "src/cart_test.go"]),
        ("src/", "only", ["src/cart_test.go"]),
        ("src/**/*.py", "out", ["src/cart.py", "src/a/b.py"]),
        (None, "out", ["src/cart.py", "readme.md", "src/a/b.py"]),
        (None, "only", ["src/cart_test.go", "tests/test_cart.py", "tests/data/cart.go"]),
        ("tests/", "out", []),
        ("[cr]*.??", "in", ["src/cart.py", "src/cart_test.go", "tests/data/cart.go", "readme.md"]),
        ("[!cr]*.??", "in", ["tests/test_cart.py", "src/a/b.py"]),
    ],
)
def test_a_glob_and_what_is_said_of_tests_must_both_hold(
    path_glob: str | None, tests: str, expected: list[str]
) -> None:
    assert left(Filters.of(path_glob=path_glob, tests=tests), PATHS) == expected


def test_a_language_counts_in_any_letter_case() -> None:
    assert Filters.of(language="Python").language == "python"


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_of_symbol_can_be_asked_for(kind: str) -> None:
    assert Filters.of(kinds=[kind]).kinds == [kind]


def test_an_unknown_kind_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SearchRefused, match=r"kinds: unknown kind 'klass'; valid kinds: .*class"):
        Filters.of(kinds=["function", "klass"])


def test_an_unknown_word_about_tests_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SearchRefused, match=r"tests: it must be one of in, out, only, got 'maybe'"):
        Filters.of(tests="maybe")
    for word in TESTS:
        assert Filters.of(tests=word)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"query": " \n"}, "^query: it is empty"),
        ({"query": "x\0"}, "^query: .*NUL"),
        ({"tests": "maybe"}, "^tests: .*got 'maybe'"),
        ({"kinds": ["klass"]}, "^kinds: unknown kind 'klass'"),
        ({"path_glob": "/"}, "^path_glob: .*got '/'"),
        ({"language": "klingon"}, "^language: 'klingon' is not known"),
        ({"language": ""}, "^language: '' is not known"),
        ({"repo": "\0"}, "^repo_path: .*NUL"),
        ({"limit": 0}, "^limit: it must be at least 1, got 0"),
    ],
)
def test_a_request_that_can_not_be_searched_is_never_made(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SearchRefused, match=message):
        SearchRequest(**{"query": "session", "project_id": "p"} | options)
    with pytest.raises(InvalidRequest, match=message), refusals():
        SearchRequest(**{"query": "session", "project_id": "p"} | options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"root": "\0"}, "^repo_path: .*NUL"),
        ({"path": "a\0"}, "^path: .*NUL"),
        ({"tests": "maybe"}, "^tests: .*got 'maybe'"),
        ({"limit": 0}, "^limit: it must be at least 1, got 0"),
    ],
)
def test_a_place_that_can_not_be_looked_up_is_refused_likewise(options: dict[str, Any], message: str) -> None:
    place: dict[str, Any] = {"project_id": "p", "root": "/r", "path": "a.py", "line": 1}
    with pytest.raises(SearchRefused, match=message):
        RelatedRequest(**place | options)


def test_a_request_holds_its_filters_and_stays_as_it_was_checked() -> None:
    request = SearchRequest("x", project_id="p", path_glob="*.py", language="py", kinds=["class"], tests="out")
    assert request.filters == Filters.of(path_glob="*.py", language="python", kinds=["class"], tests="out")
    with pytest.raises(FrozenInstanceError):
        request.limit = 0  # type: ignore[misc]  # frozen, which is what is tested


@pytest.mark.parametrize("path_glob", ["", "/", "//", " ", "!", "!/"])
def test_a_glob_that_means_nothing_is_refused_and_quoted(path_glob: str) -> None:
    with pytest.raises(SearchRefused, match=re.escape(repr(path_glob))):
        Filters.of(path_glob=path_glob)
