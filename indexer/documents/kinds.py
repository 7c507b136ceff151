"""Which files are documents, by their name and how their bytes begin, and what it takes to read them."""

import time
from enum import StrEnum
from functools import lru_cache
from importlib.util import find_spec
from typing import Final

# What counts against the size limit of files is a document's text; the file, with its pictures and fonts, may have this
# much.
MAX_DOCUMENT_BYTES: Final = 32 << 20

# Where Adobe's own readers look for the header of a PDF.
_PDF_HEADER_WITHIN: Final = 1_024
_ZIP: Final = b"PK\x03\x04"
OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""How Microsoft's compound files begin. Word writes a document with a password as one, whatever its suffix."""


class DocumentKind(StrEnum):
    """A format, by the name of its language."""

    PDF = "pdf"
    DOCX = "docx"


DOCUMENT_ENDS: Final = (b".pdf", b"docx")
"""The last four bytes of documents' names, in small letters: for those who look at very many names."""
_SUFFIXES: Final = ((".pdf", DocumentKind.PDF), (".docx", DocumentKind.DOCX))
# The package that reads a format, as people install and as Python imports it.
_PACKAGES: Final = {DocumentKind.PDF: ("pypdf", "pypdf"), DocumentKind.DOCX: ("python-docx", "docx")}


def kind_named(name: str) -> DocumentKind | None:
    """The kind of document that a file of this name is, unless its bytes say otherwise."""
    end = name[-5:].lower()
    return next((kind for suffix, kind in _SUFFIXES if end.endswith(suffix)), None)


def kind_of(name: str, data: bytes) -> DocumentKind | None:
    """The kind of document that a file of this name with these bytes is; None where it is no document."""
    match kind_named(name):
        case DocumentKind.PDF if b"%PDF-" in data[:_PDF_HEADER_WITHIN]:
            return DocumentKind.PDF
        case DocumentKind.DOCX if data.startswith((_ZIP, OLE)):
            return DocumentKind.DOCX
        case _:
            return None


def missing_package(kind: DocumentKind) -> str | None:
    """The package that this installation lacks for a kind of document, by the name that it is installed by.

    What is said holds for a second: a worker runs for days, and the package may come meanwhile.
    """
    package, module = _PACKAGES[kind]
    return None if is_there(module, int(time.monotonic())) else package


@lru_cache(maxsize=8)
def is_there(module: str, second: int) -> bool:
    """Whether a module can be imported; looked up once in each `second`, since that takes 0.1 ms, and a walk may find
    thousands of documents."""
    return find_spec(module) is not None
