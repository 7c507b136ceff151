"""The text of PDF and Word documents, each read in a process of its own that may crash, loop or run out of memory.

    found = extract(data, DocumentKind.PDF, limits=Limits(text_bytes=1 << 20), aborted=lambda: False)

What reads them are pypdf and python-docx, which come with the extra `pgdex[documents]`; only `child` imports them.
`sources`, `chunked_files` and `jobs.client` may import this package; it imports nothing of pgdex.
"""

from pgdex.indexer.documents.extraction import ExtractionAborted, extract
from pgdex.indexer.documents.kinds import (
    DOCUMENT_ENDS,
    MAX_DOCUMENT_BYTES,
    DocumentKind,
    kind_named,
    kind_of,
    missing_package,
)
from pgdex.indexer.documents.outcomes import PAGE_END, Extracted, Limits, Refusal, Refused

__all__ = [
    "DOCUMENT_ENDS",
    "MAX_DOCUMENT_BYTES",
    "PAGE_END",
    "DocumentKind",
    "Extracted",
    "ExtractionAborted",
    "Limits",
    "Refusal",
    "Refused",
    "extract",
    "kind_named",
    "kind_of",
    "missing_package",
]
