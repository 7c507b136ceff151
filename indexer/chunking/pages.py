"""The pages of a PDF's text as chunks."""

from collections.abc import Callable
from dataclasses import replace

from pgdex.indexer.chunking.model import Chunk
from pgdex.indexer.documents import PAGE_END
from pgdex.indexer.numbered_parts import on_page


def page_chunks(text: str, cut: Callable[[str], list[Chunk]]) -> list[Chunk]:
    """Each page cut by `cut`. A chunk's lines are those of the whole text, its symbol says which page it is from; the
    PAGE_END between two pages is in neither."""
    chunks = []
    before = 0
    for number, page in enumerate(text.split(PAGE_END), start=1):
        for chunk in cut(page) if page else ():
            start, end = before + chunk.start_line, before + chunk.end_line
            symbol = on_page(number, chunk.symbol)
            chunks.append(replace(chunk, start_line=start, end_line=end, symbol=symbol))
        before += page.count("\n")
    return chunks
