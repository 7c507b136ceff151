"""What holds for the chunks of any text in any language."""

import re

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pgdex.indexer.chunking import DEFAULT_LIMITS, KINDS, Chunk, Limits, ParseTimeout, chunk_file
from pgdex.indexer.languages import LANGUAGES, Language

# Without the text of PDFs, of which test_documents.py says what holds: each page is cut alone.
ALL = sorted(
    (language for language in LANGUAGES if language.name != "pdf"),
    key=lambda language: (language.name, language.grammar or ""),
)

# Enough of every language to reach the places where its scanners and tables have opinions.
FRAGMENTS = st.sampled_from(
    [
        *"()[]{}<>\"'`#/\\;:,.=@$%&|!?~^+-*_ \t",
        *("\n", "\n", "\n", "\n\n", "\r\n", "\r", "    ", "\x0c", "\u2028", "\ufeff"),
        *("if", "end", "do", "def", "fn", "function f() {", "class A:", "class B {", "struct S {", "module M"),
        *("//", "/*", "*/", "--", "{-", "-}", "(*", "*)", "<!--", "-->", "'''", '"""', "$$", "<<EOF\n", "EOF\n"),
        *("<script>\n", "</script>", "<style>\n", "</style>", "<?php", "?>", "{{", "}}", "{%", "%}"),
        *("# Title\n", "=====\n", "-----\n", "key:\n", "- name: x\n", "[table]\n", "CREATE TABLE t (", "FROM a AS b\n"),
        *("x = 1", "def f():\n    ", "@decorated\n", "#define A 1\n", "import a", "=> ", "-> ", "\\\n"),
        *("é", "漢字", "😀", "Ω", "x" * 200),
    ]
)
CODE = st.lists(FRAGMENTS, max_size=80).map("".join)
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=400)
LIMITS = st.sampled_from([DEFAULT_LIMITS, Limits(1, 1), Limits(30, 60), Limits(100, 150, alone=40, fragment=20)])


def cut(text: str, language: Language, limits: Limits) -> list[Chunk]:
    try:
        return chunk_file(text, language, limits=limits, time_limit_seconds=1)
    except ParseTimeout:
        # Some grammars can be made to run for ever; that they are stopped is all that is asked.
        return chunk_file(text, Language("text", None), limits=limits)


def check(text: str, chunks: list[Chunk], limits: Limits) -> None:
    assert "".join(chunk.content for chunk in chunks) == text
    line = 1
    for chunk in chunks:
        assert chunk.start_line == line
        count = chunk.end_line - chunk.start_line + 1
        assert count >= 1
        assert chunk.content.count("\n") == count - (0 if chunk.content.endswith("\n") else 1)
        assert chunk.content.endswith("\n") or chunk is chunks[-1]
        assert len(chunk.content) <= limits.maximum or count == 1
        line = chunk.end_line + 1
        check_names(chunk)


def check_names(chunk: Chunk) -> None:
    assert chunk.kind in KINDS
    assert (chunk.symbol is None) or chunk.symbols[0] == chunk.symbol
    assert len(set(chunk.symbols)) == len(chunk.symbols)
    for symbol in chunk.symbols:
        assert symbol
        assert symbol == symbol.strip()
        assert not re.search(r"[\n\r\t]", symbol)
        assert len(symbol) <= 250


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=CODE | ANY_TEXT, language=st.sampled_from(ALL), limits=LIMITS)
@example(text="\n", language=Language("python", "python"), limits=DEFAULT_LIMITS)
@example(text="\r", language=Language("markdown", None), limits=DEFAULT_LIMITS)
@example(text="<script> a\n\nb\n</script>", language=Language("html", "html"), limits=Limits(1, 1))
def test_every_line_of_any_text_is_in_exactly_one_chunk_of_allowed_size(
    text: str, language: Language, limits: Limits
) -> None:
    check(text, cut(text, language, limits), limits)


@pytest.mark.parametrize("language", ALL, ids=lambda language: f"{language.name}-{language.grammar}")
def test_the_same_rubbish_does_no_harm_in_any_language(language: Language) -> None:
    text = "".join(f"{a}{b}x\n  {b}{a} y = {a} \n" for a in "([{<\"'`#/*-" for b in ")]}>\\;:=@$|\"'")
    for limits in (DEFAULT_LIMITS, Limits(30, 60), Limits(1, 1)):
        check(text, cut(text, language, limits), limits)


NAMES = st.text("abcdefgh_", min_size=1, max_size=12).map(lambda name: f"n{name}")
STATEMENTS = st.lists(st.sampled_from(["pass", "x = 1", "call(1,\n    2)", "for a in b:\n    pass"]), max_size=40)


@settings(max_examples=60, deadline=None)
@given(functions=st.dictionaries(NAMES, STATEMENTS, max_size=12))
def test_no_function_of_a_python_file_is_lost(functions: dict[str, list[str]]) -> None:
    source = "".join(
        f"def {name}():\n" + "".join(f"    {line}\n" for part in ["pass", *body] for line in part.split("\n")) + "\n"
        for name, body in functions.items()
    )
    chunks = chunk_file(source, Language("python", "python"))
    check(source, chunks, DEFAULT_LIMITS)
    assert list(
        dict.fromkeys(name for chunk in chunks for name in sorted(chunk.symbols, key=list(functions).index))
    ) == (list(functions))
    for chunk in chunks:
        for name in functions:
            if f"def {name}():" in chunk.content:
                assert name in chunk.symbols


@settings(max_examples=60, deadline=None)
@given(text=CODE, language=st.sampled_from(ALL))
def test_the_same_text_is_always_cut_in_the_same_way(text: str, language: Language) -> None:
    assert cut(text, language, DEFAULT_LIMITS) == cut(text, language, DEFAULT_LIMITS)
