"""Jupyter notebooks: their cells are found on the lines of the file, their outputs are not."""

import base64
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdex.indexer.chunking import Chunk, chunk_file
from pgdex.indexer.languages import language_of
from pgdex.indexer.notebooks import parse_notebook, without_outputs
from pgdex.indexer.numbered_parts import joined, split_part
from pgdex.indexer.pipeline import embedding_text
from pgdex.indexer.sources import Skipped, SkipReason, read_source, walk
from tests.unit.source_files import LIMIT, read, skipped, text_of

PICTURE = base64.b64encode(os.urandom(40_000)).decode()


def code(*lines: str, outputs: Iterable[object] = ()) -> dict[str, Any]:
    """A cell of code, as Jupyter writes it."""
    source = [f"{line}\n" for line in lines[:-1]] + list(lines[-1:])
    return {"cell_type": "code", "execution_count": 1, "metadata": {}, "outputs": list(outputs), "source": source}


def notebook(*cells: object, language: str = "python", indent: int | None = 1) -> str:
    """A notebook's file."""
    metadata = {"kernelspec": {"name": "x", "language": language}}
    return json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}, indent=indent) + "\n"


def chunks_of(folder: Path, text: str) -> list[Chunk]:
    """What is indexed of a notebook."""
    return chunk_file(text_of(read(folder, text.encode(), "a.ipynb")), language_of("a.ipynb"))


FIGURE = {"output_type": "display_data", "metadata": {}, "data": {"image/png": PICTURE, "text/plain": ["<Figure>"]}}
CLEAN = code("def clean_frame(frame):", '    """Drops "empty" rows."""', "    return frame.dropna()")


def test_code_is_found_on_the_lines_of_the_file_and_pictures_are_not(tmp_path: Path) -> None:
    text = notebook(code("import pandas", outputs=[FIGURE]), CLEAN, code("clean_frame(data).plot()", outputs=[FIGURE]))

    chunks = chunks_of(tmp_path, text)

    assert [chunk.content for chunk in chunks] == [
        "import pandas\n",
        'def clean_frame(frame):\n    """Drops "empty" rows."""\n    return frame.dropna()\n',
        "clean_frame(data).plot()\n",
    ]
    assert [(chunk.kind, chunk.symbol) for chunk in chunks] == [
        ("module", "cell 1"),
        ("function", "cell 2 > clean_frame"),
        ("module", "cell 3"),
    ]
    lines = text.split("\n")
    assert "def clean_frame" in lines[chunks[1].start_line - 1]
    assert "return frame.dropna()" in lines[chunks[1].end_line - 1]
    assert "plot()" in lines[chunks[2].start_line - 1]


def test_text_cells_have_their_headings_and_code_the_language_of_the_kernel(tmp_path: Path) -> None:
    prose = {"cell_type": "markdown", "metadata": {}, "source": ["# Cleaning\n", "\n", "Rows without values go."]}

    chunks = chunks_of(tmp_path, notebook(prose, code("tidy <- function(x) {", "  x", "}"), language="R"))

    assert [(chunk.kind, chunk.symbol) for chunk in chunks] == [
        ("section", "cell 1 > Cleaning"),
        ("function", "cell 2 > tidy"),
    ]


def test_cells_are_counted_as_readers_count_them(tmp_path: Path) -> None:
    raw = {"cell_type": "raw", "metadata": {}, "source": ["as it is"]}

    chunks = chunks_of(tmp_path, notebook(code(""), raw, code("", outputs=[FIGURE]), CLEAN))

    assert [chunk.symbol for chunk in chunks] == ["cell 2", "cell 4 > clean_frame"]


def test_cells_of_version_three_are_counted_through_all_worksheets(tmp_path: Path) -> None:
    sheets = [{"cells": [{"cell_type": "code", "input": f"def of_{name}(): pass"}] * 2} for name in "ab"]
    text = json.dumps({"metadata": {}, "nbformat": 3, "worksheets": sheets}, indent=1)

    symbols = [chunk.symbol for chunk in chunks_of(tmp_path, text)]
    assert symbols == ["cell 1 > of_a", "cell 2 > of_a", "cell 3 > of_b", "cell 4 > of_b"]


def test_the_number_of_a_cell_is_in_no_name_and_no_embedding(tmp_path: Path) -> None:
    (first,) = chunks_of(tmp_path, notebook(CLEAN))
    (moved,) = chunks_of(tmp_path, notebook(code(""), CLEAN))

    assert (first.symbol, moved.symbol) == ("cell 1 > clean_frame", "cell 2 > clean_frame")
    assert first.symbols == first.defines == moved.defines == ("clean_frame",)
    assert embedding_text("a.ipynb", first) == embedding_text("a.ipynb", moved)
    assert embedding_text("a.ipynb", first).startswith("a.ipynb clean_frame\n")


@pytest.mark.parametrize(
    ("path", "symbol", "parts"),
    [
        ("a.ipynb", "cell 12 > Frame.clean", ("cell 12", "Frame.clean")),
        ("a.ipynb", "cell 12 > Guide > cell 3", ("cell 12", "Guide > cell 3")),
        ("a.ipynb", "cell 12", ("cell 12", None)),
        ("A.IPYNB", "cell 12", ("cell 12", None)),
        ("a.ipynb", "cell 12.x", (None, "cell 12.x")),  # a key of a notebook that is no JSON
        ("a.ipynb", None, (None, None)),
        ("a.pdf", "page 3", ("page 3", None)),
        ("a.pdf", "page break", (None, "page break")),
        ("a.test.js", "cell 12 > grows", (None, "cell 12 > grows")),
    ],
)
def test_a_symbol_is_divided_into_its_cell_or_page_and_its_name(
    path: str, symbol: str | None, parts: tuple[str | None, str | None]
) -> None:
    assert split_part(path, symbol) == parts
    assert joined(*parts) == (symbol or "")


def test_a_source_on_one_line_of_the_json_has_that_line(tmp_path: Path) -> None:
    text = notebook({**CLEAN, "source": "def clean_frame(frame):\n    return frame\n"}, indent=None)

    (chunk,) = chunks_of(tmp_path, text)

    assert (chunk.start_line, chunk.end_line) == (1, 1)
    assert chunk.content == "def clean_frame(frame):\n    return frame\n"


def test_a_notebook_of_version_three_is_read(tmp_path: Path) -> None:
    cell = {"cell_type": "code", "input": ["def old_style():\n", "    pass"], "outputs": [FIGURE], "language": "python"}
    text = json.dumps({"metadata": {}, "nbformat": 3, "worksheets": [{"cells": [cell], "metadata": {}}]}, indent=1)

    assert [chunk.symbol for chunk in chunks_of(tmp_path, text)] == ["cell 1 > old_style"]


def test_the_size_limit_is_for_what_people_wrote(tmp_path: Path) -> None:
    pictures = notebook(CLEAN, code("plot()", outputs=[FIGURE] * 40))
    long = notebook(*[code("x = 1", "y = 2")] * 20_000)
    assert min(len(pictures), len(long)) > LIMIT

    assert [chunk.symbol for chunk in chunks_of(tmp_path, pictures)] == ["cell 1 > clean_frame", "cell 2"]
    assert [file.skip_reason for file in walk(tmp_path)] == [None]
    result = read(tmp_path, long.encode(), "a.ipynb")
    assert isinstance(result, Skipped)
    assert result.reason is SkipReason.OVERSIZED
    assert result.detail is not None
    assert "without its outputs" in result.detail


def test_a_notebook_without_a_source_says_so(tmp_path: Path) -> None:
    result = read(tmp_path, notebook(code("", outputs=[FIGURE])).encode(), "a.ipynb")

    assert isinstance(result, Skipped)
    assert (result.reason, result.detail) == (SkipReason.EMPTY, "a notebook whose cells are all empty")


@pytest.mark.parametrize(
    "broken",
    [
        lambda text: text[:-200],
        lambda text: text.replace('"cells"', "<<<<<<< HEAD\n"),
        lambda text: '{"a": 1}\n',
        lambda text: "[" * 100_000,
        lambda text: "print('no JSON')\n",
    ],
)
def test_what_is_no_notebook_is_cut_like_other_json(tmp_path: Path, broken: Any) -> None:
    text = broken(notebook(CLEAN, CLEAN))

    assert "".join(chunk.content for chunk in chunk_file(text, language_of("a.ipynb"))) == text
    assert without_outputs(text) is None or text == '{"a": 1}\n'


def test_a_large_file_that_is_no_notebook_is_too_large(tmp_path: Path) -> None:
    assert skipped(read(tmp_path, b"{}\n" * LIMIT, "a.ipynb")) is SkipReason.OVERSIZED


def test_a_text_with_halves_of_characters_and_nul_can_be_stored(tmp_path: Path) -> None:
    text = notebook(CLEAN).replace("dropna", r"dr\u0000op\ud83dna \ud83d\ude00")

    (chunk,) = chunks_of(tmp_path, text)

    assert "frame.dr\u2400op\ufffdna \U0001f600()" in chunk.content
    chunk.content.encode()


source_lines = st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=12), max_size=6)


@given(
    st.lists(st.tuples(source_lines, st.booleans(), st.integers(0, 4)), max_size=6),
    st.sampled_from([None, 0, 1, 4]),
    st.booleans(),
)
def test_every_line_of_every_cell_is_on_the_line_that_is_told(
    cells: list[tuple[list[str], bool, int]], indent: int | None, ascii_only: bool
) -> None:
    written = [
        code(*lines, outputs=[{"data": {"x": ["]\n", "}"] * outputs}}] * outputs)
        | ({"cell_type": "markdown"} if is_text else {})
        for lines, is_text, outputs in cells
    ]
    text = json.dumps({"cells": written, "metadata": {}}, indent=indent, ensure_ascii=ascii_only)

    reduced = without_outputs(text)
    assert reduced is not None
    assert reduced.count("\n") == text.count("\n")
    found = parse_notebook(reduced)

    assert found is not None
    expected = [
        (number, list(filter(None, lines)))
        for number, (lines, _, _) in enumerate(cells, start=1)
        if any(line.strip() for line in lines)
    ]
    assert [(cell.number, list(filter(None, cell.lines))) for cell in found.cells] == expected
    rows = text.split("\n")
    for cell in found.cells:
        for line, row in zip(cell.lines, cell.rows, strict=True):
            assert json.dumps(line, ensure_ascii=ascii_only)[1:-1] in rows[row]


def test_a_notebook_that_is_read_again_gives_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_text(notebook(CLEAN))

    assert read_source(tmp_path, "a.ipynb", max_file_bytes=LIMIT) == read_source(
        tmp_path, "a.ipynb", max_file_bytes=LIMIT
    )
