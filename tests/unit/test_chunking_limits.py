"""Time limits, aborting, threads, and texts that are made to hurt."""

import gc
import threading
import tracemalloc
from collections.abc import Callable

import pytest

from pgdex.indexer.chunking import ChunkingAborted, ChunkingError, ParseTimeout, chunk_file
from pgdex.indexer.languages import Language, language_of

PYTHON = language_of("a.py")
LARGE = "".join(f"def function_{number}(a, b):\n    return a + b * {number}\n\n" for number in range(20_000))


def test_parsing_that_takes_too_long_is_stopped_with_the_limit_in_the_message() -> None:
    with pytest.raises(ParseTimeout, match=r"more than 0\.001 s"):
        chunk_file(LARGE, PYTHON, time_limit_seconds=0.001)


def test_the_parser_is_as_good_as_new_after_a_timeout() -> None:
    with pytest.raises(ParseTimeout):
        chunk_file(LARGE, PYTHON, time_limit_seconds=0.001)
    (chunk,) = chunk_file("def small(): ...\n", PYTHON)
    assert chunk.symbols == ("small",)


def test_an_abort_is_seen_while_parsing() -> None:
    asked = 0

    def aborted() -> bool:
        nonlocal asked
        asked += 1
        return asked > 2

    with pytest.raises(ChunkingAborted):
        chunk_file(LARGE, PYTHON, aborted=aborted)


def test_an_abort_that_never_comes_changes_nothing() -> None:
    source = LARGE[:20_000]
    assert chunk_file(source, PYTHON, aborted=lambda: False) == chunk_file(source, PYTHON)


def test_both_ways_to_stop_are_chunking_errors() -> None:
    assert issubclass(ParseTimeout, ChunkingError)
    assert issubclass(ChunkingAborted, ChunkingError)


def test_threads_do_not_disturb_each_other() -> None:
    sources = [f"class A{number}:\n    def m{number}(self): ...\n" * 50 for number in range(4)]
    expected = [chunk_file(source, PYTHON) for source in sources]
    results: dict[int, list[bool]] = {number: [] for number in range(4)}

    def run(number: int) -> None:
        for _ in range(20):
            results[number].append(chunk_file(sources[number], PYTHON) == expected[number])

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: [True] * 20 for number in range(4)}


def test_a_source_is_not_kept_in_memory_after_it_was_chunked() -> None:
    # tree-sitter 0.26 keeps a reference to whatever a read callback returned to it.
    text = f"x = '{'a' * 10_000}'\n" * 100
    chunk_file(text, PYTHON)
    tracemalloc.start()
    try:
        for _ in range(5):
            chunk_file(text, PYTHON)
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < len(text) / 2


DEEP = 10_000
HURTFUL: dict[str, Callable[[], str]] = {
    "brackets on one line": lambda: "[" * DEEP + "]" * DEEP,
    "brackets that stay open": lambda: "[" * DEEP,
    "a bracket on each line": lambda: "[\n" * DEEP + "]\n" * DEEP,
    "a brace on each line": lambda: "{\n" * DEEP + "}\n" * DEEP,
    "a long sum": lambda: "x = (1\n" + " + 1\n" * DEEP + ")\n",
    "ever deeper blocks": lambda: "".join(f"{' ' * level}if x:\n" for level in range(500)),
    "ever deeper classes": lambda: "".join(f"{' ' * level}class A{level}:\n" for level in range(500)),
    "ever deeper elements": lambda: "<div>\n" * DEEP,
    "ever deeper keys": lambda: "".join(f"{' ' * level}a:\n" for level in range(500)),
    "quotes": lambda: "'" * 50_000,
    "open comments": lambda: "/*" * 50_000,
    "dollar quotes": lambda: "$a$b" * 25_000,
    "fences": lambda: "```\n" * 20_000,
    "one word": lambda: "a" * 300_000,
    "spaces in a heading": lambda: "# a" + " " * 300_000 + "b",
    "spaces before a colon": lambda: "a" + " " * 300_000 + "b:",
    "dashes": lambda: "- " * 100_000,
    "empty lines": lambda: "\n" * 100_000,
    "many functions on one line": lambda: "function f(){};" * 10_000,
}


@pytest.mark.parametrize("name", HURTFUL)
@pytest.mark.parametrize("path", ["a.py", "a.js", "a.html", "a.md", "a.rst", "a.yml", "a.sql", "a.txt"])
def test_texts_that_are_made_to_hurt_are_cut_like_any_other(name: str, path: str) -> None:
    text = HURTFUL[name]()
    try:
        chunks = chunk_file(text, language_of(path), time_limit_seconds=2)
    except ParseTimeout:
        # Then the caller cuts it by lines.
        chunks = chunk_file(text, Language("text", None))
    assert "".join(chunk.content for chunk in chunks) == text


def test_an_emoji_does_not_end_the_process_where_a_scanner_looks_it_up_in_a_table() -> None:
    # In a test operator and in a here-document, where the scanner of Bash uses isalpha.
    emoji = "".join(chr(code) for code in range(0x1F300, 0x10FFFF, 0x1111))
    source = "".join(f"greet() {{\n  [ -{sign} x ]\n  cat <<E\na ${sign}\nE\n}}\n" for sign in emoji)
    chunks = chunk_file(source, language_of("a.sh"))
    assert {"greet"} == {name for chunk in chunks for name in chunk.symbols}


def test_names_beyond_ascii_are_read_as_they_are_written() -> None:
    (chunk,) = chunk_file("grüße() {\n  echo 😀\n}\n", language_of("a.sh"))
    assert chunk.symbols == ("grüße",)


def test_code_around_an_overlong_line_is_cut_as_if_the_line_were_blank() -> None:
    body = "".join(f"    value_{number} = {number}\n" for number in range(30))
    source = f"def first():\n{body}\nDATA = {'[' * 3_000}{'x,' * 3_000}\n\ndef second():\n{body}"
    chunks = chunk_file(source, PYTHON)
    assert [chunk.symbol for chunk in chunks] == ["first", None, "second"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("A.java", "%w(\n" * 10_000),
        ("a.rs", "%w( \n" * 10_000),
        ("a.kt", '"${\n' * 10_000),
        ("a.kt", '"$a\n' * 10_000),
    ],
)
def test_what_no_parser_can_be_trusted_with_is_cut_by_lines(path: str, text: str) -> None:
    chunks = chunk_file(text, language_of(path))
    assert "".join(chunk.content for chunk in chunks) == text
    assert {chunk.symbol for chunk in chunks} == {None}
