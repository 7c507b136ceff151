"""The pages of a PDF, by pypdf. Only `child` imports this."""

import io
from collections.abc import Iterator

from pypdf import PdfReader
from pypdf.errors import DependencyError

from pgdex.indexer.documents.cleaning import cleaned
from pgdex.indexer.documents.outcomes import ExtractionRefused, Refusal


def pdf_pages(data: bytes) -> Iterator[str | Exception]:
    """The text of each page, in order, "" where it has none; what went wrong with a page that can't be
    read.

    Raises ExtractionRefused, and whatever pypdf raises of a broken file.
    """
    reader = PdfReader(io.BytesIO(data))
    if reader.is_encrypted:
        try:
            # Many are encrypted without a password, only so that readers forbid to print them.
            is_open = bool(reader.decrypt(""))
        except DependencyError as error:
            raise ExtractionRefused(Refusal.ENCRYPTED, f"reading it takes the package cryptography: {error}") from None
        if not is_open:
            raise ExtractionRefused(Refusal.ENCRYPTED, "it opens with a password only")
    for page in reader.pages:
        try:
            text = page.extract_text()
        except MemoryError:
            raise
        except Exception as error:  # broken in one of a hundred ways; the pages beside it may be whole
            yield error
        else:
            yield cleaned(text)
