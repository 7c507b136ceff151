"""Where files are cut, what shares a chunk, and what a chunk is called."""

import pytest

from pgdex.indexer.chunking import KINDS, Chunk, Limits, chunk_file
from pgdex.indexer.languages import Language, language_of

PYTHON = language_of("a.py")
LIMITS = Limits(target=600, maximum=900, alone=200, fragment=100, tiny_definition=60)


def chunks_of(source: str, path: str = "a.py") -> list[Chunk]:
    return chunk_file(source, language_of(path), limits=LIMITS)


def lines(count: int, indent: str = "    ") -> str:
    return "".join(f"{indent}value_{number} = compute({number})\n" for number in range(count))


def named(chunks: list[Chunk]) -> list[tuple[str, str | None]]:
    return [(chunk.kind, chunk.symbol) for chunk in chunks]


def test_an_empty_text_has_no_chunks() -> None:
    assert chunk_file("", PYTHON) == []


def test_a_small_file_is_one_chunk_that_lists_all_names() -> None:
    source = "import os\n\n\nclass Cart:\n    def add(self): ...\n\n\ndef main(): ...\n"
    (chunk,) = chunk_file(source, PYTHON)
    assert (chunk.start_line, chunk.end_line, chunk.content) == (1, 8, source)
    assert (chunk.kind, chunk.symbol) == ("class", "Cart")
    assert chunk.symbols == ("Cart", "Cart.add", "main")


def test_each_definition_of_some_size_is_a_chunk_of_its_own() -> None:
    source = "".join(f"def function_{name}():\n{lines(10)}\n\n" for name in "abc")
    assert named(chunks_of(source)) == [("function", f"function_{name}") for name in "abc"]


def test_small_neighbours_share_a_chunk_whose_symbols_name_them_all() -> None:
    source = "".join(f"def get_{name}():\n    return {name} + 1\n\n\n" for name in "abcdef")
    (chunk,) = chunks_of(source)
    assert chunk.kind == "function"
    assert set(chunk.symbols) == {f"get_{name}" for name in "abcdef"}
    assert chunk.symbols[0] == chunk.symbol


def test_comments_and_decorators_above_a_definition_belong_to_it() -> None:
    above = "# What it is good for,\n# in two lines.\n@decorated\n@twice(1)\n"
    source = f"def first():\n{lines(10)}\n\n{above}def second():\n{lines(10)}"
    second = chunks_of(source)[1]
    assert second.symbol == "second"
    assert second.content.startswith(above)


def test_a_doc_comment_belongs_to_what_follows_it_even_after_a_blank_line() -> None:
    comment = "/**\n * Sends the answer.\n */\n\n"
    body = "".join(f"  step({number}, 'of the way');\n" for number in range(12))
    source = f"function first() {{\n{body}}}\n\n{comment}function second() {{\n{body}}}\n"
    assert chunks_of(source, "a.js")[1].content.startswith(comment)


def test_a_comment_that_ends_a_block_stays_with_what_is_above_it() -> None:
    source = f"def first():\n{lines(10)}# End of the first part.\n\ndef second():\n{lines(10)}"
    assert chunks_of(source)[0].content.endswith("# End of the first part.\n\n")


def test_imports_and_constants_before_the_first_function_are_one_chunk() -> None:
    imports = "".join(f"import module_{number}\n" for number in range(20))
    source = f"{imports}\nLIMIT = 3\n\n\ndef main():\n{lines(10)}"
    first, second = chunks_of(source)
    assert (first.kind, first.symbol, first.symbols) == ("module", None, ("LIMIT",))
    assert second.symbol == "main"


def test_a_few_imports_join_the_function_below_them() -> None:
    (chunk,) = chunks_of(f"import os\n\n\ndef main():\n{lines(10)}")
    assert (chunk.kind, chunk.symbol) == ("function", "main")


def test_a_class_that_is_too_large_becomes_its_head_and_its_methods() -> None:
    more = "    More about it.\n" * 12
    head = f'class Cart:\n    """What a customer wants.\n\n{more}    """\n\n    limit = 3\n\n'
    methods = "".join(f"    def method_{name}(self):\n{lines(9, '        ')}\n" for name in "abc")
    chunks = chunks_of(head + methods)
    assert named(chunks) == [("class", "Cart")] + [("method", f"Cart.method_{name}") for name in "abc"]
    assert chunks[0].content == head
    assert chunks[0].symbols == ("Cart", "Cart.limit")


def test_a_class_that_fits_is_one_chunk() -> None:
    source = f"class Cart:\n    def add(self):\n{lines(5, '        ')}\n    def remove(self):\n{lines(5, '        ')}"
    (chunk,) = chunks_of(source)
    assert named([chunk]) == [("class", "Cart")]
    assert chunk.symbols == ("Cart", "Cart.add", "Cart.remove")


def test_a_function_that_is_too_large_is_cut_between_statements_into_even_parts() -> None:
    statement = "    if ready:\n        first(1)\n        second(2)\n        third(3)\n"
    source = f"def long():\n{statement * 30}"
    chunks = chunks_of(source)
    assert len(chunks) > 2
    assert {(chunk.kind, chunk.symbol) for chunk in chunks} == {("function", "long")}
    assert all(chunk.content.startswith("    if ready:") for chunk in chunks[1:])
    sizes = [len(chunk.content) for chunk in chunks]
    assert min(sizes) > 0.6 * max(sizes)


def test_a_function_inside_of_one_that_was_cut_is_named_with_it() -> None:
    inner = f"    def inner():\n{lines(12, '        ')}\n"
    chunks = chunks_of(f"def outer():\n{lines(14)}\n{inner}{lines(14)}")
    assert ("function", "outer.inner") in named(chunks)


def test_a_string_of_many_lines_is_cut_where_it_is_least_indented() -> None:
    block = "option:\n" + "  description: about as long as such lines are\n" * 6
    source = f'DOCUMENTATION = """\n{block * 8}"""\n'
    chunks = chunks_of(source)
    assert {(chunk.kind, chunk.symbol) for chunk in chunks} == {("variable", "DOCUMENTATION")}
    assert all(chunk.content.startswith("option:") for chunk in chunks[1:])


def test_a_line_that_is_longer_than_the_maximum_is_a_chunk_and_is_not_cut() -> None:
    long_line = f"data = {'x' * 2_000!r}\n"
    chunks = chunks_of(f"def first():\n{lines(10)}\n{long_line}\ndef second():\n{lines(10)}")
    assert [chunk.content for chunk in chunks if len(chunk.content) > LIMITS.maximum] == [long_line]


def test_a_closing_brace_stays_with_the_class_that_it_closes() -> None:
    body = "".join(f"    step({number}, 'of the way');\n" for number in range(12))
    methods = "".join(f"  method_{name}() {{\n{body}  }}\n\n" for name in "abc")
    chunks = chunks_of(f"class Cart {{\n{methods}}}\n", "a.js")
    assert chunks[-1].symbol == "Cart.method_c"
    assert chunks[-1].content.endswith("}\n")


def test_definitions_on_one_line_are_not_torn_apart() -> None:
    source = "function a() { return 1; } function b() { return 2; }\n"
    (chunk,) = chunks_of(source, "a.js")
    assert set(chunk.symbols) == {"a", "b"}


def test_definitions_under_a_condition_are_found() -> None:
    source = "try:\n    import json\nexcept ImportError:\n    def dumps(value): ...\n"
    assert chunks_of(source)[0].symbols == ("dumps",)


def test_the_clauses_of_a_function_stay_together_with_its_signature() -> None:
    source = "-- | Adds.\nadd :: Int -> Int -> Int\nadd x 0 = x\nadd x y = x + y\n\nother :: Int\nother = 1\n"
    chunks = chunk_file(source, language_of("a.hs"), limits=Limits(100, 100, alone=1, fragment=0, tiny_definition=0))
    assert [chunk.content for chunk in chunks] == [source[:65], source[65:]]


def test_local_variables_are_no_symbols() -> None:
    chunks = chunks_of(f"def long():\n{lines(60)}")
    assert {name for chunk in chunks for name in chunk.symbols} == {"long"}


def test_a_script_in_a_page_is_cut_by_its_own_language() -> None:
    body = "".join(f"  step({number}, 'of the way');\n" for number in range(12))
    source = (
        f"<template>\n<p/>\n</template>\n<script>\nfunction a() {{\n{body}}}\nfunction b() {{\n{body}}}\n</script>\n"
    )
    assert named(chunks_of(source, "a.vue")) == [("function", "a"), ("function", "b")]


def test_a_script_that_is_no_code_is_left_alone() -> None:
    source = '<script type="text/x-template">\nfunction a() {}\n</script>\n'
    assert chunks_of(source, "a.html")[0].symbols == ("script",)


def test_only_a_newline_ends_a_line() -> None:
    source = "a = 1\r\nb = 2\rc = 3\x0c\x0b\u2028d = 4\n"
    (chunk,) = chunk_file(source, PYTHON)
    assert (chunk.start_line, chunk.end_line) == (1, 2)


def test_a_last_line_without_a_newline_counts() -> None:
    assert chunk_file("a\nb", Language("text", None))[0].end_line == 2


def test_a_text_without_structure_is_cut_at_blank_lines() -> None:
    paragraph = "Some words that make a line of prose.\n" * 6
    chunks = chunk_file(f"{paragraph}\n" * 10, Language("text", None), limits=LIMITS)
    assert len(chunks) > 2
    assert all(chunk.content.endswith("\n\n") and chunk.kind == "block" for chunk in chunks)


def test_a_language_without_a_table_is_cut_along_its_syntax_all_the_same() -> None:
    body = "".join(f"  step {number};\n" for number in range(40))
    chunks = chunk_file(f"a {{\n{body}}}\n" * 3, Language("nginx", "css"), limits=LIMITS)
    assert "".join(chunk.content for chunk in chunks).count("step") == 120


def test_every_kind_is_documented() -> None:
    chunks = chunks_of("class A:\n    pass\n")
    assert all(chunk.kind in KINDS for chunk in chunks)
    assert all(KINDS.values())


@pytest.mark.parametrize(("target", "maximum"), [(0, 10), (-1, 10), (20, 10)])
def test_limits_that_make_no_sense_are_refused(target: int, maximum: int) -> None:
    with pytest.raises(ValueError, match=f"got target {target} and maximum {maximum}"):
        Limits(target=target, maximum=maximum)
