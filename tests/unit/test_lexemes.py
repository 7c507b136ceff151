"""Words of code, and PostgreSQL's binary tsvector of them."""

import struct
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from indexer.lexemes import query_words, tsvector_binary, words

WEIGHTS = "DCBA"
Lexemes = dict[str, list[tuple[int, str]]]


def decode(vector: bytes) -> Lexemes:
    """Each lexeme's positions with their weights; fails on anything that tsvectorrecv refuses."""
    (count,) = struct.unpack_from(">i", vector)
    at = 4
    lexemes: Lexemes = {}
    stored = 0
    for _ in range(count):
        end = vector.index(b"\0", at)
        text = vector[at:end]
        assert 0 < len(text) <= 2_047
        assert stored <= (1 << 20) - 1
        (number,) = struct.unpack_from(">H", vector, end + 1)
        assert 1 <= number <= 255
        entries = struct.unpack_from(f">{number}H", vector, end + 3)
        at = end + 3 + 2 * number
        positions = [entry & 0x3FFF for entry in entries]
        assert all(before < after for before, after in pairwise(positions))
        assert positions[0] > 0
        lexemes[text.decode()] = [(entry & 0x3FFF, WEIGHTS[entry >> 14]) for entry in entries]
        stored += len(text) + len(text) % 2 + 2 + 2 * number
    assert at == len(vector)
    assert len(lexemes) == count
    assert [name.encode() for name in lexemes] == sorted(name.encode() for name in lexemes)
    return lexemes


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


@given(st.from_regex(r"[a-z]{2,10}(_[a-z]{1,10}){0,3}", fullmatch=True))
def test_what_is_indexed_is_what_a_query_looks_for(name: str) -> None:
    assert set(query_words(name)) <= set(words(f"{name} = 1"))


def test_a_query_has_each_word_once_and_not_too_many() -> None:
    assert query_words("parse the URL, parse it") == ["parse", "the", "url", "it"]
    assert len(query_words(" ".join(f"w{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(200)))) == 64


def test_symbols_path_and_content_have_the_weights_a_b_and_d() -> None:
    assert decode(tsvector_binary(["add"], ["cart", "py"], ["def", "add", "def"])) == {
        "add": [(1, "A"), (5, "D")],
        "cart": [(2, "B")],
        "def": [(4, "D"), (6, "D")],
        "py": [(3, "B")],
    }


def test_no_words_are_an_empty_vector() -> None:
    assert tsvector_binary([], [], []) == b"\0\0\0\0"


def test_a_lexeme_keeps_its_first_255_positions() -> None:
    positions = decode(tsvector_binary([], [], ["a"] * 300))["a"]
    assert [position for position, _ in positions] == list(range(1, 256))


def test_positions_end_at_the_last_that_there_is() -> None:
    content = [f"w{number}" for number in range(20_000)] + ["w5", "end", "end"]
    lexemes = decode(tsvector_binary(["w5"], [], content))
    assert lexemes["w5"] == [(1, "A"), (7, "D"), (16_383, "D")]
    assert lexemes["w19999"] == lexemes["end"] == [(16_383, "D")]


def test_words_that_postgresql_refuses_are_left_out() -> None:
    assert list(decode(tsvector_binary([""], ["a\0b"], ["x" * 2_047, "é" * 1_024, "fine", "y" * 2_046]))) == [
        "fine",
        "y" * 2_046,
    ]


def test_a_text_with_too_many_distinct_words_keeps_the_first() -> None:
    content = [f"{number:0>100}" for number in range(20_000)]
    vector = tsvector_binary(["symbol"], ["path"], content)
    lexemes = decode(vector)
    assert len(vector) <= 1 << 20
    assert {"symbol", "path", content[0], content[8_000]} <= set(lexemes)
    assert content[-1] not in lexemes


LISTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from("abc"), max_size=60)


@given(LISTS, LISTS, LISTS)
@example([], [], ["\U0001f600", "\ue000", "\uffff"])
def test_a_vector_has_every_word_with_the_places_where_it_stood(
    symbols: list[str], path: list[str], content: list[str]
) -> None:
    expected: Lexemes = {}
    position = 0
    for weight, field in (("A", symbols), ("B", path), ("D", content)):
        for word in field:
            position += 1
            if word and "\0" not in word:
                expected.setdefault(word, []).append((position, weight))
    assert decode(tsvector_binary(symbols, path, content)) == expected
