"""Words of code."""

import re
from unicodedata import normalize

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pgdex.indexer.lexemes import split_token, tokens, words

ASCII = st.text(st.characters(max_codepoint=127), max_size=200)
ANY_TEXT = st.text(max_size=300) | st.text("aB_1 é\u0301漢한カ\n\0", max_size=60)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("getUserName", ["getusername", "get", "user", "name"]),
        ("HTTPServer2", ["httpserver2", "http", "server", "2"]),
        ("parseURLs", ["parseurls", "parse", "urls"]),
        ("max_file_bytes", ["max_file_bytes", "max", "file", "bytes"]),
        ("__init__", ["__init__", "init"]),
        ("SHA256sum", ["sha256sum", "sha", "256", "sum"]),
        ("LIMIT", ["limit"]),
        ("x", ["x"]),
        ("a.b->c::d", ["a", "b", "c", "d"]),
        ("kebab-case", ["kebab", "case"]),
        ("Größe_Änderung", ["größe_änderung", "größe", "änderung"]),
        ("naïveBayes", ["naïvebayes", "naïve", "bayes"]),
        ("数据库连接", ["数据库连接", "数据", "据库", "库连", "连接"]),
        ("漢字", ["漢字"]),
        ("get数据", ["get", "数据"]),
        ("한국어", ["한국어", "한국", "국어"]),
        ("cafe\u0301", ["café"]),
        ("", []),
        (" \n\t.,;", []),
    ],
)
def test_an_identifier_is_a_word_and_so_are_its_parts(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_the_order_of_the_text_is_kept() -> None:
    assert words("def add(self, item):\n    self.items.append(item)") == [
        *("def", "add", "self", "item", "self", "items", "append", "item"),
    ]


def test_a_long_run_of_dense_script_is_not_lost() -> None:
    run = "漢字仮名交" * 40
    found = words(run)
    assert set(found) == {run[index : index + 2] for index in range(5)}


def test_a_long_name_gives_its_parts_and_a_long_key_gives_nothing() -> None:
    name = "test_that_" + "something_" * 12
    assert words(name)[:3] == ["test", "that", "something"]
    assert words("a1" * 200) == []


def test_more_distinct_identifiers_than_are_remembered_do_no_harm() -> None:
    text = " ".join(f"name{number}" for number in range(70_000))
    assert words(text)[-3:] == ["name69999", "name", "69999"]


@given(st.text(max_size=300))
def test_words_are_fit_for_a_lexeme_and_found_again_by_themselves(text: str) -> None:
    for word in words(text):
        assert word
        assert "\0" not in word
        assert len(word.encode()) < 2_047
        assert word == word.lower()


@given(ASCII)
@example("".join(map(chr, range(128))))
def test_the_tokens_of_an_ascii_text_are_what_the_regular_expression_finds(text: str) -> None:
    assert tokens(text) == re.findall(r"\w+", text)


@given(ANY_TEXT)
def test_the_tokens_of_any_text_are_those_of_its_composed_form(text: str) -> None:
    assert tokens(text) == re.findall(r"\w+", normalize("NFC", text))
    assert tokens(normalize("NFD", text)) == tokens(normalize("NFC", text))


@given(ANY_TEXT)
def test_the_words_of_a_text_are_those_of_its_tokens_one_after_another(text: str) -> None:
    assert words(text) == [word for token in tokens(text) for word in split_token(token)]


@given(ANY_TEXT, ANY_TEXT)
def test_two_texts_with_a_space_between_have_the_words_of_both(one: str, other: str) -> None:
    assert words(f"{one} {other}") == words(one) + words(other)


@given(st.from_regex(r"[a-z]{2,10}(_[a-z]{1,10}){0,3}", fullmatch=True))
def test_an_identifier_in_another_case_style_shares_all_its_parts(name: str) -> None:
    parts = name.split("_")
    camel = "".join(part.capitalize() if len(part) > 1 else part for part in parts)
    assert set(words(name)) >= set(parts)
    if all(len(part) > 1 for part in parts):
        assert set(words(camel)) >= set(parts)
        assert set(words(name.upper())) >= set(parts)


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("retry", ("retry",)),
        ("RetryPolicy", ("retrypolicy", "retry", "policy")),
        ("_", ("_",)),
        ("42", ("42",)),
        ("x86_64", ("x86_64", "x", "86", "64")),
        ("IOError", ("ioerror", "io", "error")),
    ],
)
def test_a_token_is_split_into_itself_and_its_parts(token: str, expected: tuple[str, ...]) -> None:
    assert split_token(token) == expected


def test_a_composed_and_a_decomposed_letter_are_the_same_word() -> None:
    assert words("nai\u0308ve") == words("na\u00efve") == ["naïve"]
