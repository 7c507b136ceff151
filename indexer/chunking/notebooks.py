"""The cells of a notebook as chunks: code as its language is cut, text by its headings, and no outputs."""

from collections.abc import Callable
from dataclasses import replace

from pgdex.indexer.chunking.model import Chunk
from pgdex.indexer.languages import Language, language_named
from pgdex.indexer.notebooks import Cell, Notebook
from pgdex.indexer.numbered_parts import in_cell

_MARKDOWN = language_named("markdown")


def notebook_chunks(notebook: Notebook, language: Language, cut: Callable[[str, Language], list[Chunk]]) -> list[Chunk]:
    """Each cell cut by `cut`. A chunk's lines are those of the .ipynb file on which its source stands, its symbol says
    which cell it is from.

    Where the JSON has several lines of source on one of its own, they have that number. A `language` without a grammar
    means that no cell is to be parsed.
    """
    chunks = []
    for cell in notebook.cells:
        for chunk in cut("\n".join(cell.lines) + "\n", _language_of(cell, notebook, language)):
            start, end = cell.rows[chunk.start_line - 1], cell.rows[chunk.end_line - 1]
            symbol = in_cell(cell.number, chunk.symbol)
            chunks.append(replace(chunk, start_line=start + 1, end_line=end + 1, symbol=symbol))
    return chunks


def _language_of(cell: Cell, notebook: Notebook, language: Language) -> Language:
    if cell.kind != "code":
        return _MARKDOWN
    found = language_named(notebook.language or "python")
    return found if language.grammar is not None else Language(found.name, None)
