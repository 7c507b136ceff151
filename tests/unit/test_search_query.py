"""What a query is taken for, and what in it is looked for."""

import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pgdex.indexer.lexemes import words
from pgdex.indexer.search.query import ASKING, MOST_TERMS, Query, QueryKind, understand
from pgdex.indexer.terms import stem_of


@pytest.mark.parametrize(
    "text",
    [
        *("parse_args", "ParseArgs", "parseArgs", "x", "__init__", "MAX_RETRIES"),
        *("Session.send", "std::vector", "Cart#total", "App\\User", "self->items", "a.b.c_d"),
        *("empty?", "save!", "$scope", "parse_args()", "Session.send()", "@dataclass"),
        *("  parse_args", "parse_args  ", "\tparse_args\n"),
    ],
)
def test_what_is_spelled_like_an_identifier_is_a_name(text: str) -> None:
    assert understand(text).kind is QueryKind.NAME


@pytest.mark.parametrize("text", ["Cart", "open_cart", "openCart", "md5", "cart.total", "total()", "empty?", "$scope"])
def test_a_name_with_more_than_small_letters_means_this_spelling(text: str) -> None:
    assert understand(text).is_spelled


@pytest.mark.parametrize("text", ["cart", " cart", "x", "where is openCart", "src/Cart.java", "class Cart"])
def test_a_word_in_small_letters_and_what_is_no_name_means_no_spelling(text: str) -> None:
    assert not understand(text).is_spelled


@pytest.mark.parametrize(
    "text",
    [
        *("src/flask/ctx.py", "flask/ctx", "./ctx.py", "/etc/hosts", "ctx.py", "Cart.java", "src/", "a/b/c.test.ts"),
        *("lib/my-module/index.js", "docker-compose.yml", "@types/node", "  src/a.py "),
    ],
)
def test_what_is_spelled_like_a_path_is_a_path(text: str) -> None:
    assert understand(text).kind is QueryKind.PATH


@pytest.mark.parametrize(
    "text",
    [
        "ValueError: invalid literal for int() with base 10",
        "thread 'main' panicked: panic: index out of range",
        "java.lang.NullPointerException: null",
        "error[E0382]: borrow of moved value",
        "TypeError: Cannot read properties of undefined (reading 'map')",
        "fatal: not a git repository",
        "cannot open shared object file: No such file",
        "could not connect to server: Connection refused",
    ],
)
def test_what_a_program_says_when_it_fails_is_an_error(text: str) -> None:
    assert understand(text).kind is QueryKind.ERROR


@pytest.mark.parametrize(
    "text",
    [
        "for key, value in headers.items():",
        "if (x == null) { return; }",
        "let total = items.iter().sum();",
        "from flask import Flask",
        "#include <stdio.h>",
        "func (s *Session) Send(ctx context.Context) error {",
        "public static void main(String[] args)",
        "const f = (a) => a + 1",
        "std::move(value)",
        "@app.route('/')\ndef index():",
    ],
)
def test_a_piece_of_source_is_code(text: str) -> None:
    assert understand(text).kind is QueryKind.CODE


@pytest.mark.parametrize(
    "text",
    [
        "how are sessions stored?",
        "retry delay",
        "where is parse_args() called?",
        "exponential backoff with jitter",
        "wie werden Sitzungen gespeichert",
        "会话 管理",
        "что такое сессия",
    ],
)
def test_what_is_said_in_words_is_words(text: str) -> None:
    assert understand(text).kind is QueryKind.WORDS


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("parse_args", ["parse_args"]),
        ("parse_args ", ["parse_args"]),
        ("\n parse_args\t", ["parse_args"]),
        ("Session.send", ["send"]),
        ("Session.send()", ["send"]),
        ("std::vector", ["vector"]),
        ("empty?", ["empty?"]),
        ("src/flask/ctx.py", []),
        ("how does parse_args work", ["parse_args"]),
        ("how does ParseArgs work", ["ParseArgs"]),
        ("what does `send` do", ["send"]),
        ("what does `Session.send` do", ["send"]),
        ("where is send() called", ["send"]),
        ("how are sessions stored?", []),
        ("the _private attribute", ["_private"]),
        ("HTTPServer versus httpd", ["HTTPServer"]),
    ],
)
def test_names_are_found_as_they_are_spelled(text: str, names: list[str]) -> None:
    assert understand(text).names == names


def test_each_name_is_there_once_and_a_long_text_has_not_too_many() -> None:
    assert understand("does send_all call send_all or send_one").names == ["send_all", "send_one"]
    assert len(understand(" ".join(f"name_{number}" for number in range(50))).names) <= 8


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("how does Session work", ["Session"]),
        ("Where is the delay", []),
        ("how do Session and Adapter and Session differ", ["Session", "Adapter"]),
        ("Session", []),
        ("src/Session.py", []),
        ("the API of it", []),
        ("how does HTTPServer use Session", ["Session"]),
    ],
)
def test_a_capitalised_word_inside_a_sentence_may_be_a_class(text: str, expected: list[str]) -> None:
    query = understand(text)
    assert query.capitalised == expected
    assert query.all_names == query.names + expected


def test_words_that_only_ask_are_left_out_where_there_are_others() -> None:
    assert understand("how is the delay of a retry computed?").words == ["delay", "retry", "computed"]
    assert understand("what is it").words == ["what", "is", "it"]


def test_forms_of_a_word_are_looked_for_once() -> None:
    assert understand("retry retries retrying").terms == [stem_of("retry")]


def test_the_words_of_an_identifier_are_its_parts_too() -> None:
    assert understand("parseURLs2").words == words("parseURLs2")


def test_a_long_query_has_not_too_many_words() -> None:
    text = " ".join(f"w{chr(97 + number // 26)}{chr(97 + number % 26)}q" for number in range(200))
    assert understand(text).words == text.split()[:MOST_TERMS]


PIECES = st.sampled_from(
    [
        *"`'\"()[]{}<>.,:;/\\#@$?!=-_ \n\t\0",
        "->",
        "::",
        "Error:",
        "error",
        "cannot ",
        "aB",
        "A ",
        "x",
        "é",
        "漢字",
        "\ud800",
    ]
)


@given(st.text(max_size=300) | st.lists(PIECES, max_size=60).map("".join))
@example("")
@example("()")
@example("``")
@example("`.`")
@example("`a.`")
@example("\ud800")
def test_no_text_is_beyond_understanding(text: str) -> None:
    query = understand(text)
    assert query.kind in QueryKind
    assert len(query.words) == len(set(query.words)) <= MOST_TERMS
    assert len(query.terms) == len(set(query.terms)) <= len(query.words)
    assert all(query.terms)
    assert all(query.all_names)
    assert bool(query.words) == bool(words(text.strip()))
    if any(word not in ASKING for word in words(text.strip())):
        assert not set(query.words) & ASKING


@given(st.text(max_size=60), st.text(" \n\t", max_size=3), st.text(" \n\t", max_size=3))
def test_space_around_a_query_means_nothing(text: str, before: str, after: str) -> None:
    one, other = understand(text.strip()), understand(before + text.strip() + after)
    assert (one.kind, one.terms, one.all_names) == (other.kind, other.terms, other.all_names)


@given(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True))
def test_any_identifier_is_a_name_and_defines_itself(name: str) -> None:
    assert understand(name) == Query(name, QueryKind.NAME)
    assert understand(name).names == [name]


@pytest.mark.parametrize(
    "piece", ["a(", "error ", "cannot ", "a.", "`", "A ", "a::", "aB", "a_", "[", "x/", "a$", "xError "]
)
def test_a_long_query_is_understood_in_time(piece: str) -> None:
    started = time.process_time()
    query = understand(piece * (2_000 // len(piece)))
    assert query.terms is not None
    assert query.all_names is not None
    assert time.process_time() - started < 1.0


@pytest.mark.parametrize(
    ("text", "kinds", "name"),
    [
        ("struct file_header", {"struct"}, "file_header"),
        ("class Session", {"class"}, "Session"),
        ("fn new", {"function", "method"}, "new"),
        ("container_of macro", {"macro"}, "container_of"),
        ("#define container_of", {"macro"}, "container_of"),
        ("data class User", {"class"}, "User"),
        ("pub trait Handler", {"interface"}, "Handler"),
        ("def parse(self, text):", {"function", "method"}, "parse"),
        ("enum Colour", {"enum"}, "Colour"),
    ],
)
def test_a_kind_word_and_a_name_are_a_definition_that_is_sought(text: str, kinds: set[str], name: str) -> None:
    query = understand(text)
    assert query.sought_kinds == kinds
    assert query.names[0] == name


@pytest.mark.parametrize(
    ("text", "said", "unsaid"),
    [
        ("interface Handler", "type Handler interface {", "type Handlers interface {"),
        ("struct mspan", "struct mspan {", "struct mspans {"),
        ("fn new", "pub fn new() {", "pub fn renew() {"),
        ("#define MAX", "#define MAX 3", "#define MAXIMUM 3"),
        ("def empty?", "def empty?", "def empty_all"),
    ],
)
def test_the_kind_and_the_name_stand_together_where_the_definition_begins(text: str, said: str, unsaid: str) -> None:
    sought = understand(text).sought_words
    assert sought is not None
    assert re.search(sought, said)
    assert not re.search(sought, unsaid)
    assert understand("where is it read").sought_words is None


@pytest.mark.parametrize("text", ["Session", "how does a class start", "class", "src/class.py", "class of the session"])
def test_other_queries_seek_no_kind(text: str) -> None:
    assert understand(text).sought_kinds == frozenset()


@pytest.mark.parametrize(
    ("text", "phrase", "is_quoted"),
    [
        ('"no such  table"', "no such table", True),
        ("'x'", "x", True),
        ("\u201cno such table\u201d", "no such table", True),
        ("the connection pool is exhausted", "the connection pool is exhausted", False),
        ("connection pool exhausted", None, False),
        ("parse_args", None, False),
        ("'a' and 'b'", None, False),
    ],
)
def test_a_text_in_quotes_or_of_four_words_may_stand_somewhere_word_for_word(
    text: str, phrase: str | None, is_quoted: bool
) -> None:
    query = understand(text)
    assert (query.phrase, query.is_quoted) == (phrase, is_quoted)
