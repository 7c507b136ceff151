"""Stems, the term_ids of terms, and the terms of definitions."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdex.indexer.terms import (
    SYMBOL_TERM_IDS,
    TERM_IDS,
    WORD_TERM_IDS,
    definition_terms,
    stem_of,
    symbol_term,
    term_id_of,
)

WORDS = ("retry", "retries", "session", "x", "größe", "数据", "__init__")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("retry", "retries"),
        ("session", "sessions"),
        ("parse", "parsing"),
        ("parse", "parsed"),
        ("connection", "connections"),
        ("index", "indexed"),
        ("delete", "deleting"),
        ("compute", "computed"),
    ],
)
def test_forms_of_a_word_have_one_stem(one: str, other: str) -> None:
    assert stem_of(one) == stem_of(other)


@pytest.mark.parametrize(
    ("one", "other"), [("session", "connection"), ("test", "text"), ("delay", "delete"), ("read", "write")]
)
def test_different_words_have_different_stems(one: str, other: str) -> None:
    assert stem_of(one) != stem_of(other)


@given(st.text(min_size=1, max_size=100))
def test_every_word_has_a_stem_and_a_place(word: str) -> None:
    assert stem_of(word)
    assert stem_of(word) == stem_of(word)
    assert 0 <= term_id_of(word) < TERM_IDS


@given(st.lists(st.text(min_size=1, max_size=20), max_size=20))
def test_the_remembered_places_are_those_of_the_stems(some_words: list[str]) -> None:
    for word in some_words:
        assert WORD_TERM_IDS[word] == term_id_of(stem_of(word))
        assert SYMBOL_TERM_IDS[word] == term_id_of(symbol_term(stem_of(word)))


@pytest.mark.parametrize(
    ("term", "term_id"), [("", 0), ("retri", 861_356_423), ("=Session", 185_893_619), ("größe", 540_598_153)]
)
def test_a_term_keeps_its_place_because_stored_terms_depend_on_it(term: str, term_id: int) -> None:
    assert term_id_of(term) == term_id


def test_another_process_with_another_hash_seed_gives_the_same_places() -> None:
    code = f"from pgdex.indexer.terms import WORD_TERM_IDS as p; print([p[w] for w in {WORDS!r}])"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path), "PYTHONUTF8": "1"},
        ).stdout.strip()
        for seed in ("0", "1")
    }
    assert outputs == {str([WORD_TERM_IDS[word] for word in WORDS])}


def test_a_word_a_symbol_and_a_definition_have_places_of_their_own() -> None:
    stem = stem_of("session")
    spelled_and_folded = definition_terms("session")
    assert spelled_and_folded is not None
    assert len({term_id_of(term) for term in (stem, symbol_term(stem), *spelled_and_folded)}) == 4


def test_hardly_any_terms_share_a_place() -> None:
    assert len({term_id_of(f"name{number}") for number in range(100_000)}) > 99_980


def test_more_words_than_are_remembered_do_no_harm() -> None:
    expected = WORD_TERM_IDS["retries"]
    for number in range(140_000):
        assert WORD_TERM_IDS[f"w{number}"] >= 0
    assert WORD_TERM_IDS["retries"] == expected
    assert len(WORD_TERM_IDS) <= WORD_TERM_IDS.CAPACITY


@pytest.mark.parametrize(
    ("qualified", "last"),
    [
        ("Session.send", "send"),
        ("std::vector::push_back", "push_back"),
        ("Cart#total", "total"),
        ("Foo::~Foo", "~Foo"),
        ("App\\Models\\User", "User"),
        ("empty?", "empty?"),
        ("save!", "save!"),
        ("$scope", "$scope"),
        ("Größe.wert", "wert"),
    ],
)
def test_of_a_qualified_name_the_last_part_is_defined(qualified: str, last: str) -> None:
    assert definition_terms(qualified) == definition_terms(last) is not None


@pytest.mark.parametrize("name", ["", "operator<<", "operator()", "Vec::operator[]", "a b )", "...", "   "])
def test_what_is_no_name_has_no_terms(name: str) -> None:
    assert definition_terms(name) is None


def test_another_spelling_of_a_name_shares_the_folded_term_only() -> None:
    terms = [definition_terms(name) for name in ("ParseArgs", "parseArgs", "parseargs", "parse_args")]
    spelled, folded = zip(*[term for term in terms if term is not None], strict=True)
    assert len(set(spelled)) == 4
    assert folded[0] == folded[1] == folded[2] != folded[3]
    assert set(spelled).isdisjoint(folded)


@given(st.text(max_size=40))
def test_any_name_has_a_spelled_and_a_folded_term_or_none(name: str) -> None:
    terms = definition_terms(name)
    if terms is not None:
        spelled, folded = terms
        assert spelled[1:].lower() == folded[1:]
        assert name.endswith(spelled[1:])
        assert all(0 <= term_id_of(term) < TERM_IDS for term in terms)
