"""A Word document as text with Markdown's headings, by python-docx. Only `child` imports this."""

import io
import re
from collections.abc import Iterator
from typing import Final
from zipfile import ZipFile

import docx
from docx.styles.style import ParagraphStyle
from docx.table import Table, _Cell
from docx.text.paragraph import Paragraph

from pgdex.indexer.documents.cleaning import cleaned
from pgdex.indexer.documents.kinds import OLE
from pgdex.indexer.documents.outcomes import ExtractionRefused, Refusal

# python-docx unpacks all of it, pictures too. A document within the limit of its size has no more than some ten times
# that much.
MOST_UNPACKED_BYTES: Final = 256 << 20
# Tables in tables, and styles based on styles.
_DEEPEST: Final = 8

_HEADING = re.compile(r"heading ([1-9])\Z", re.IGNORECASE)
_LIKE_A_HEADING = re.compile(r"(?=#+ )")


def docx_paragraphs(data: bytes) -> Iterator[str]:
    """Headings, paragraphs and rows of tables, in order, each as lines with an empty one after it. The document's title
    is a heading of level 1, "Heading 1" is one of level 2.

    Without headers, footers, footnotes and comments. Raises ExtractionRefused, and whatever zipfile, lxml and
    python-docx raise of a broken file.
    """
    if data.startswith(OLE):
        raise ExtractionRefused(Refusal.ENCRYPTED, "it opens with a password only, or is of Word before 2007")
    with ZipFile(io.BytesIO(data)) as archive:
        unpacked = sum(part.file_size for part in archive.infolist())
    if unpacked > MOST_UNPACKED_BYTES:
        raise ExtractionRefused(
            Refusal.UNPARSABLE, f"it would unpack to {unpacked:,} bytes; the limit is {MOST_UNPACKED_BYTES:,}"
        )
    document = docx.Document(io.BytesIO(data))
    levels: dict[str, int | None] = {}
    for block in document.iter_inner_content():
        if isinstance(block, Table):
            rows = "".join(_rows(block, _DEEPEST))
            yield f"{rows}\n" if rows else ""
        elif text := cleaned(block.text):
            level = _level(block, levels)
            yield f"{_escaped(text)}\n" if level is None else f"{'#' * level} {' '.join(text.split())}\n\n"


def _rows(table: Table, depth: int) -> Iterator[str]:
    """Each row as a line, "name | type | meaning"."""
    for row in table.rows:
        texts = [" ".join(_cell_text(cell, depth).split()) for cell in row.cells]
        # Cells that were merged are one cell at several places.
        kept = [text for number, text in enumerate(texts) if text and (not number or text != texts[number - 1])]
        yield _escaped(cleaned(" | ".join(kept)))


def _cell_text(cell: _Cell, depth: int) -> str:
    if not depth:
        return ""
    return "\n".join(
        "".join(_rows(block, depth - 1)) if isinstance(block, Table) else block.text
        for block in cell.iter_inner_content()
    )


def _level(paragraph: Paragraph, known: dict[str, int | None]) -> int | None:
    """The level of a heading, from 1; None for any other paragraph. `known` are those of styles, by their ids."""
    # `paragraph.style` looks through all styles, 3 ms each time; a paragraph without an id has the default one.
    style_id = paragraph._p.style
    if style_id is None:
        return None
    if style_id not in known:
        style = paragraph.style
        known[style_id] = _level_of_style(style) if isinstance(style, ParagraphStyle) else None
    return known[style_id]


def _level_of_style(style: ParagraphStyle) -> int | None:
    """By its name, which Word keeps in English for its own styles in every language, or that of one it is based on."""
    based: object = style
    for _ in range(_DEEPEST):
        if not isinstance(based, ParagraphStyle):
            break
        name = based.name or ""
        if name.lower() == "title":
            return 1
        if (found := _HEADING.match(name)) is not None:
            return 1 + int(found[1])
        based = based.base_style
    return None


def _escaped(text: str) -> str:
    """Lines that look like a heading and are none, as Markdown escapes them."""
    return "".join(
        _LIKE_A_HEADING.sub(r"\\", line, count=1) if line.startswith("#") else line
        for line in text.splitlines(keepends=True)
    )
