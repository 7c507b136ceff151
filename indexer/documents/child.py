"""The process that reads one document: `python -P -m pgdex.indexer.documents.child KIND SIZE TEXT CPU MEMORY`.

It takes the document from standard input, SIZE bytes, and writes one JSON object: `{"text": …, "unread": 0}`, or
`{"reason": …, "detail": …}`. TEXT, CPU and MEMORY are `Limits` in bytes, seconds and bytes. Standard input stays open
until the parent has what it wants: where it ends earlier, the parent is gone, and this process ends too.
"""

import json
import logging
import os
import resource
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from pgdex.indexer.documents.kinds import DocumentKind
from pgdex.indexer.documents.outcomes import OUT_OF_MEMORY, PAGE_END, Extracted, ExtractionRefused, Refusal, Refused

# Between being asked to end at the limit and being killed: at once, the latter would come first.
_CPU_GRACE_SECONDS: Final = 5
_LONGEST_DETAIL: Final = 200


def main(arguments: list[str]) -> int:
    """Read the document that the arguments describe; the exit code."""
    kind, size, text_bytes, cpu_seconds, memory_bytes = DocumentKind(arguments[0]), *map(int, arguments[1:])
    _limit(cpu_seconds=cpu_seconds, memory_bytes=memory_bytes)
    data = _read(size)
    if data is None:
        return 1
    threading.Thread(target=_end_with_parent, daemon=True).start()
    logging.disable()  # pypdf tells of everything that it repairs
    try:
        answer = _answer(kind, data, text_bytes=text_bytes, memory_bytes=memory_bytes)
        match answer:
            case Extracted():
                said: dict[str, object] = {"text": answer.text, "unread": answer.unread}
            case Refused():
                said = {"reason": answer.reason.value, "detail": answer.detail}
        written = json.dumps(said, ensure_ascii=False).encode("utf-8", "replace")
    except MemoryError:
        return OUT_OF_MEMORY
    with open(1, "wb", closefd=False) as output:
        output.write(written)
    return 0


def _limit(*, cpu_seconds: int, memory_bytes: int) -> None:
    """No file is written, no core dumped; the rest as told, where the system has such limits (macOS has none of memory;
    the parent looks at that too)."""
    for what, soft, hard in (
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_FSIZE, 0, 0),
        (resource.RLIMIT_CPU, cpu_seconds, cpu_seconds + _CPU_GRACE_SECONDS),
        (resource.RLIMIT_AS, memory_bytes, memory_bytes),
    ):
        present = resource.getrlimit(what)[1]
        most = hard if present == resource.RLIM_INFINITY else min(hard, present)
        with suppress(ValueError, OSError):
            resource.setrlimit(what, (min(soft, most), most))


def _read(size: int) -> bytes | None:
    """The document; None where the parent went away before it had sent all."""
    data = bytearray()
    while len(data) < size:
        part = os.read(0, min(1 << 20, size - len(data)))
        if not part:
            return None
        data += part
    return bytes(data)


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os._exit(1)


def _answer(kind: DocumentKind, data: bytes, *, text_bytes: int, memory_bytes: int) -> Extracted | Refused:
    try:
        if kind is DocumentKind.PDF:
            from pgdex.indexer.documents.pdf_pages import pdf_pages

            return _joined(pdf_pages(data), PAGE_END, text_bytes=text_bytes)
        from pgdex.indexer.documents.docx_text import docx_paragraphs

        return _joined(docx_paragraphs(data), "", text_bytes=text_bytes)
    except Exception as error:  # parsers raise anything of what is broken
        return _refused(error, memory_bytes=memory_bytes)


def _refused(error: Exception, *, memory_bytes: int) -> Refused:
    match error:
        case ExtractionRefused():
            return error.refused
        case ImportError():
            return Refused(Refusal.EXTRA_MISSING, _first_line(error))
        case MemoryError():
            return Refused(Refusal.UNPARSABLE, f"reading it takes more than {memory_bytes >> 20} MiB of memory")
        case RecursionError():
            return Refused(Refusal.UNPARSABLE, "what is in it is nested without end")
        case _:
            return Refused(Refusal.UNPARSABLE, _first_line(error))


def _joined(parts: Iterable[str | Exception], between: str, *, text_bytes: int) -> Extracted | Refused:
    """The text of a document from its parts. Raises what they raise."""
    texts: list[str] = []
    errors: list[Exception] = []
    total = 0
    for part in parts:
        if isinstance(part, Exception):
            errors.append(part)
        texts.append("" if isinstance(part, Exception) else part)
        total += len(texts[-1].encode("utf-8", "replace")) + len(between)
        if total > text_bytes:
            detail = f"more than {text_bytes:,} bytes of text, which is the limit"
            return Refused(Refusal.OVERSIZED, detail)
    if errors and len(errors) == len(texts):
        return Refused(Refusal.UNPARSABLE, f"none of its pages can be read: {_first_line(errors[0])}")
    text = between.join(texts)
    if not text.strip():
        return Refused(Refusal.NO_TEXT, f"pages: {len(texts)}, none with text" if between else "no paragraph with text")
    return Extracted(text, len(errors))


def _first_line(error: Exception) -> str:
    message = f"{type(error).__name__}: {error}".partition("\n")[0].encode("utf-8", "replace").decode()
    return message[:_LONGEST_DETAIL]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
