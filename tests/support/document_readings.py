"""Reading documents in tests: what a process found in one, or why it refused it."""

import psutil

from pgdex.indexer.documents import DocumentKind, Extracted, Limits, Refused, extract

LIMITS = Limits(text_bytes=1 << 20)


def text_of(data: bytes, kind: DocumentKind) -> str:
    """The text of a document that can be read as a whole."""
    found = extract(data, kind, limits=LIMITS)
    assert isinstance(found, Extracted), found
    assert not found.unread
    return found.text


def refused(data: bytes, kind: DocumentKind, *, limits: Limits = LIMITS) -> Refused:
    """What a document without text is refused with."""
    found = extract(data, kind, limits=limits)
    assert isinstance(found, Refused), found
    assert found.detail
    return found


def children() -> list[psutil.Process]:
    """The processes of this one that read a document now."""
    return [one for one in psutil.Process().children() if "pgdex.indexer.documents.child" in one.cmdline()]
