"""PDF and Word documents, made by the libraries that read them: whole ones, and some that nobody should meet."""

import io
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import cast

import docx
import pytest
from pypdf import PdfWriter
from pypdf.generic import ArrayObject, DecodedStreamObject, DictionaryObject, NameObject, StreamObject

from pgdex.indexer.documents.kinds import is_there

_FONT = DictionaryObject(
    {
        NameObject("/Type"): NameObject("/Font"),
        NameObject("/Subtype"): NameObject("/Type1"),
        NameObject("/BaseFont"): NameObject("/Helvetica"),
    }
)


def pdf(*pages: str, password: str | None = None, owner_password: str | None = None) -> bytes:
    """A PDF with these texts on its pages, line by line; with an owner's password alone it opens without one."""
    contents = [
        " T* ".join(["BT /F1 12 Tf 14 TL 72 720 Td", *(f"({_escaped(line)}) Tj" for line in page.split("\n")), "ET"])
        for page in pages
    ]
    return pdf_of(
        *(content.encode("latin-1") for content in contents), password=password, owner_password=owner_password
    )


def pdf_of(
    *contents: bytes,
    password: str | None = None,
    owner_password: str | None = None,
    packed: int = 1,
    is_endless: bool = False,
) -> bytes:
    """A PDF whose pages are drawn by these operators, compressed so many times; where it is endless, its list of pages
    has itself in it."""
    writer = PdfWriter()
    for content in contents:
        page = writer.add_blank_page(612, 792)
        fonts = DictionaryObject({NameObject("/F1"): _FONT})
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        stream: StreamObject = DecodedStreamObject()
        stream.set_data(content)
        for _ in range(packed):
            stream = stream.flate_encode(1)
        page[NameObject("/Contents")] = writer._add_object(stream)
    if is_endless:
        pages = cast(DictionaryObject, writer.root_object["/Pages"])
        cast(ArrayObject, pages["/Kids"]).append(writer.root_object.raw_get("/Pages"))
    if password is not None or owner_password is not None:
        writer.encrypt(password or "", owner_password, algorithm="AES-256")
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


@cache
def slow_pdf() -> bytes:
    """A PDF of 200 kB that takes pypdf a minute to read; within its own limit for a page, of 75 MB."""
    return pdf_of(*[b"BT /F1 12 Tf " + b"(a) Tj T* " * 200_000 + b"ET"] * 30)


@cache
def pdf_bomb() -> bytes:
    """A PDF of a few kilobytes with a page of 200 MB, compressed twice."""
    return pdf_of(b"BT /F1 12 Tf " + b"(a) Tj T* " * 20_000_000 + b"ET", packed=2)


def endless_pdf() -> bytes:
    """A PDF whose list of pages has itself in it."""
    return pdf_of(b"BT /F1 12 Tf (a) Tj ET", is_endless=True)


def word(*blocks: str, tables: int = 0) -> bytes:
    """A Word document: blocks that begin with "= " are its title, with "1 " to "9 " headings of that level, others
    paragraphs; at the end so many tables of two rows."""
    document = docx.Document()
    for block in blocks:
        mark, _, rest = block.partition(" ")
        if mark == "=" or (mark.isdigit() and len(mark) == 1):
            document.add_heading(rest, 0 if mark == "=" else int(mark))
        else:
            document.add_paragraph(block)
    for _ in range(tables):
        table = document.add_table(rows=2, cols=3)
        for number, cell in enumerate(table.rows[0].cells):
            cell.text = f"head {number}"
        table.cell(1, 0).merge(table.cell(1, 1)).text = "merged cell"
        table.cell(1, 2).add_table(1, 1).cell(0, 0).text = "table in a table"
    return _saved(document)


def _saved(document: "docx.document.Document") -> bytes:
    written = io.BytesIO()
    document.save(written)
    return written.getvalue()


def with_part(document: bytes, name: str, content: bytes) -> bytes:
    """A Word document in which one part is exchanged, or added."""
    written = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(document)) as before,
        zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as after,
    ):
        for part in before.infolist():
            if part.filename != name:
                after.writestr(part.filename, before.read(part))
        after.writestr(name, content)
    return written.getvalue()


def zipped(**parts: str) -> bytes:
    """An archive with these files, which are no document."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return written.getvalue()


def strict(document: bytes) -> bytes:
    """A Word document as Word saves it in the format Strict Open XML, which has other names for the same relations."""
    with zipfile.ZipFile(io.BytesIO(document)) as archive:
        relations = archive.read("_rels/.rels")
    return with_part(
        document,
        "_rels/.rels",
        relations.replace(
            b"http://schemas.openxmlformats.org/officeDocument/2006/", b"http://purl.oclc.org/ooxml/officeDocument/"
        ),
    )


@contextmanager
def without_packages(*modules: str) -> Iterator[None]:
    """This process can't import these modules in the block."""
    with pytest.MonkeyPatch.context() as patched:
        for module in modules:
            patched.setitem(sys.modules, module, None)
        is_there.cache_clear()
        yield
    is_there.cache_clear()


def _escaped(line: str) -> str:
    return line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
