"""What looking for the names in a file's lines may cost: it ends when it is told to, and no text takes long."""

from time import process_time

import pytest

from pgdex.indexer.chunking import chunk_file
from pgdex.indexer.chunking.model import ChunkingAborted
from pgdex.indexer.chunking.tables.line_shapes import LINE_SHAPES
from pgdex.indexer.languages import language_of


def test_names_are_looked_for_only_as_long_as_there_is_time() -> None:
    def aborted() -> bool:
        return True

    with pytest.raises(ChunkingAborted):
        chunk_file("function f() {\n  const g = () => 1;\n}\n" * 20_000, language_of("app.js"), aborted=aborted)


# Nothing that looks far ahead may begin at every second character of a text.
STARTS = [
    "= (",
    ": (",
    "\n a(",
    "alias a=",
    "export { a as b, ",
    "export {",
    "fun <a>",
    "\n public a<",
    ":a, ",
    "def_delegator a,",
]


@pytest.mark.parametrize("start", STARTS)
def test_no_pattern_takes_more_steps_for_a_text_that_begins_a_match_everywhere(start: str) -> None:
    text = start * (40_000 // len(start))
    for shapes in LINE_SHAPES.values():
        for one in shapes:
            began = process_time()
            for _ in one.pattern.finditer(text):
                pass
            assert process_time() - began < 1
