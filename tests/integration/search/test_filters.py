"""What narrows a search of a real index, and what is refused."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from pgdex.indexer.search import SearchRefused
from tests.integration.search.shop import EVERY, FILES, Shop


@pytest.mark.parametrize(
    ("options", "fits"),
    [
        ({"path_glob": "src/*"}, lambda path: path.startswith("src/") and path.count("/") == 1),
        ({"path_glob": "src/**"}, lambda path: path.startswith("src/")),
        ({"path_glob": "*.go"}, lambda path: path.endswith(".go")),
        ({"language": "go"}, lambda path: path.endswith(".go")),
        ({"language": "Python"}, lambda path: path.endswith(".py")),
        ({"tests": "out"}, lambda path: not path.startswith("tests/")),
        ({"tests": "only"}, lambda path: path.startswith("tests/")),
        ({"path_glob": "*.py", "tests": "out"}, lambda path: path.endswith(".py") and not path.startswith("tests/")),
        ({"path_glob": "*.py", "tests": "only"}, lambda path: path.startswith("tests/")),
        ({"path_glob": "src/", "tests": "only"}, lambda _: False),
        ({"path_glob": "src/*", "language": "javascript"}, lambda path: path.endswith(".js")),
        ({"language": "kotlin"}, lambda _: False),
    ],
    # The functions have no name of their own, and their addresses differ from process to process.
    ids=lambda value: " ".join(map(str, value.values())) if isinstance(value, dict) else "",
)
@pytest.mark.parametrize("retrievers", [("words",), ("vectors",), ("words", "vectors")], ids="+".join)
@pytest.mark.parametrize("query", ["compute_delay", "src/worker.py", "session order header invoice compute retry"])
def test_a_filter_leaves_only_what_fits_it(
    shop: Shop, options: dict[str, Any], fits: Callable[[str], bool], retrievers: tuple[str, ...], query: str
) -> None:
    hits = shop.search(query, retrievers=retrievers, **EVERY, **options).hits
    assert all(fits(path) for hit in hits for path in (hit.path, *hit.also_in))
    # Vectors compare with everything there is, so that nothing of what fits is lost but what is no nearer than chance.
    if retrievers != ("words",) and query.startswith("session") and any(map(fits, FILES)):
        assert hits


@pytest.mark.parametrize("query", ["Session", "src/session.py", "how is a session renewed", "session"])
@pytest.mark.parametrize(
    "kinds", [["class"], ["method"], ["function"], ["function", "method"], ["section"], ["key"], ["enum"]], ids=str
)
def test_only_pieces_of_the_kinds_that_are_asked_for_are_found(shop: Shop, query: str, kinds: list[str]) -> None:
    hits = shop.search(query, kinds=kinds, **EVERY).hits
    assert all(hit.kind in kinds for hit in hits)
    if "method" in kinds:
        assert hits[0].path == "src/session.py"


def test_filters_combine(shop: Shop) -> None:
    options: dict[str, Any] = {"path_glob": "src/**", "language": "python", "kinds": ["function"], "tests": "out"}
    hits = shop.search("compute_delay", **EVERY, **options).hits
    assert hits[0].path == "src/retry_policy.py"
    assert all(hit.path.startswith("src/") and hit.language == "python" and hit.kind == "function" for hit in hits)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"limit": 0}, "limit: it must be at least 1, got 0"),
        ({"kinds": ["klass"]}, "kinds: unknown kind 'klass'"),
        ({"tests": "maybe"}, "got 'maybe'"),
        ({"path_glob": "/"}, "got '/'"),
        ({"path_glob": "!"}, "got '!'"),
        ({"path_glob": "a" * 10_001}, "it has 10,001 characters; the limit is 10,000"),
        ({"path_glob": "a\0b"}, "NUL"),
        ({"language": "\0"}, "is not known"),
        ({"repo": "\0"}, "NUL"),
    ],
    ids=str,
)
def test_what_can_not_be_searched_is_refused_in_words(shop: Shop, options: dict[str, Any], message: str) -> None:
    with pytest.raises(SearchRefused, match=message):
        shop.search("session", **options)


@pytest.mark.parametrize("query", ["", " \n\t", "a\0b"])
def test_a_query_without_anything_in_it_is_refused(shop: Shop, query: str) -> None:
    with pytest.raises(SearchRefused):
        shop.search(query)


@pytest.mark.parametrize(
    ("options", "note"),
    [
        ({"path_glob": "*.nope"}, r"^no indexed file matches the path filter '\*\.nope'$"),
        ({"path_glob": "SRC/**"}, None),
        ({"path_glob": "sessions.py"}, r"similar are session\.py"),
        ({"path_glob": "/no/such/folder/**"}, r"as an absolute path it lies outside of .*shop"),
        ({"language": "kotlin"}, r"^no indexed file is in kotlin; there are files in python, "),
        (
            {"path_glob": "*.go", "language": "python"},
            r"^no indexed file matches the filters: path '\*\.go', language python$",
        ),
        (
            {"path_glob": "src/retry_policy.py", "kinds": ["enum"]},
            r"^only the 1 file that the filters leave were searched",
        ),
        ({"kinds": ["macro"]}, r"^only chunks of the kind macro were searched"),
    ],
    ids=str,
)
def test_an_empty_answer_says_what_the_filters_have_to_do_with_it(
    shop: Shop, options: dict[str, Any], note: str | None
) -> None:
    found = shop.search("session", **EVERY, **options)

    if note is None:
        assert found.hits
        assert found.notes == ["the path filter 'SRC/**' matches files only if upper and lower case are the same"]
    else:
        assert found.hits == []
        assert re.search(note, found.notes[0])


def test_a_file_in_no_language_is_not_named_among_those_that_there_are(shop: Shop) -> None:
    connection = shop.client.connection
    with connection.transaction(force_rollback=True):
        connection.execute("update pgdex.versions set language = null where language = 'python'")
        found = shop.search("session", language="haskell", **EVERY)

    assert found.hits == []
    assert re.search(r"^no indexed file is in haskell; there are files in (\w+, )*\w+", found.notes[0])


def test_absolute_paths_are_taken_for_what_they_are(shop: Shop) -> None:
    for glob in (f"{shop.root}/src", f"{shop.root}/src/*.py", str(shop.root.parent)):
        hits = shop.search("session", path_glob=glob, **EVERY).hits
        assert hits[0].path == "src/session.py"


def test_no_note_on_filters_where_something_is_found_or_nothing_was_filtered(shop: Shop) -> None:
    assert shop.search("session", path_glob="src/**", **EVERY).notes == []
    (note,) = shop.search("zzzqqqxxx", retrievers=("words",), **EVERY).notes
    assert "filter" not in note
