"""A Word document as text with Markdown's headings, by python-docx. Only `child` imports this."""

import io
import re
from collections.abc import Iterator
from typing import Final
from zipfile import ZipFile

import docx
from docx.document import Document
from docx.oxml.ns import qn
from docx.oxml.text.paragraph import CT_P
from docx.oxml.xmlchemy import BaseOxmlElement
from docx.styles.style import ParagraphStyle
from docx.text.paragraph import Paragraph

from pgdex.indexer.documents.cleaning import cleaned
from pgdex.indexer.documents.kinds import OLE
from pgdex.indexer.documents.outcomes import ExtractionRefused, Refusal

# python-docx unpacks all of it, pictures too. A document within the limit of its size has no more than some ten times
# that much.
MOST_UNPACKED_BYTES: Final = 256 << 20
# Styles based on styles.
_DEEPEST: Final = 8
_PARAGRAPH, _TABLE, _ROW, _CELL, _RUN = map(qn, ("w:p", "w:tbl", "w:tr", "w:tc", "w:r"))
# What stands around any of these without being one: content controls, as templates have them, tracked insertions,
# links, fields. python-docx's own iterators leave out all that is in them. Tracked deletions are not among them.
_AROUND: Final = frozenset(
    map(
        qn,
        ("w:sdt", "w:sdtContent", "w:customXml", "w:ins", "w:moveTo", "w:smartTag", "w:hyperlink", "w:fldSimple"),
    )
)

_RELATIONS: Final = "_rels/.rels"
_STRICT: Final = b"http://purl.oclc.org/ooxml/"
"""How the names of relations begin in Strict Open XML, which Word writes where it is asked to; python-docx knows none
of them."""

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
    document = _opened(data)
    levels: dict[str, int | None] = {}
    for block in _inner(document.element.body, _PARAGRAPH, _TABLE):
        if block.tag == _TABLE:
            rows = "".join(_rows(block))
            yield f"{rows}\n" if rows else ""
        elif text := cleaned(_text(block)):
            assert isinstance(block, CT_P), "the class of all w:p"
            level = _level(Paragraph(block, document._body), levels)
            yield f"{_escaped(text)}\n" if level is None else f"{'#' * level} {' '.join(text.split())}\n\n"


def _opened(data: bytes) -> Document:
    """Raises ExtractionRefused where it is an archive of another kind, and whatever python-docx raises."""
    try:
        return docx.Document(io.BytesIO(data))
    except KeyError as error:  # a part that every document has
        with ZipFile(io.BytesIO(data)) as archive:
            is_strict = _RELATIONS in archive.namelist() and _STRICT in archive.read(_RELATIONS)
        detail = (
            "it is in the format Strict Open XML; save it as an ordinary Word document"
            if is_strict
            else "it is a ZIP archive, but not a Word document"
        )
        raise ExtractionRefused(Refusal.UNPARSABLE, detail) from error


def _inner(element: BaseOxmlElement, *tags: str) -> Iterator[BaseOxmlElement]:
    """What has one of the tags in an element, in order, whatever stands around it there."""
    for child in element:
        if child.tag in tags:
            yield child
        elif child.tag in _AROUND:
            yield from _inner(child, *tags)


def _text(paragraph: BaseOxmlElement) -> str:
    return "".join(str(run.text) for run in _inner(paragraph, _RUN))


def _rows(table: BaseOxmlElement) -> Iterator[str]:
    """Each row as a line, "name | type | meaning"; a table in a cell is a part of its line."""
    for row in _inner(table, _ROW):
        texts = (" ".join(_cell_text(cell).split()) for cell in _inner(row, _CELL))
        yield _escaped(cleaned(" | ".join(filter(None, texts))))


def _cell_text(cell: BaseOxmlElement) -> str:
    return "\n".join(
        _text(block) if block.tag == _PARAGRAPH else "".join(_rows(block)) for block in _inner(cell, _PARAGRAPH, _TABLE)
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
