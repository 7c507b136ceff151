"""Documents as files of a tree: how they are known, chunked, left out, and tried again."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from pgdex.indexer.chunked_files import ChunkedFile, FileChunker
from pgdex.indexer.chunking import ChunkingAborted
from pgdex.indexer.documents import MAX_DOCUMENT_BYTES, DocumentKind, kind_of
from pgdex.indexer.sources import SkipReason, walk
from pgdex.indexer.stopwatch import Stopwatch
from pgdex.indexer.storage import SkippedFile, UnchangedFile
from tests.support.document_readings import children
from tests.support.documents import pdf, pdf_of, slow_pdf, without_packages

PDF, DOCX = DocumentKind.PDF, DocumentKind.DOCX


def chunked(folder: Path, name: str, data: bytes, *, known: dict[bytes, int] | None = None, **options: Any) -> object:
    (folder / name).write_bytes(data)
    chunker = FileChunker(
        **{"max_file_bytes": 1 << 20, "aborted": lambda: False, "stopwatch": Stopwatch(), **options},
    )
    return chunker.chunked(folder, name, known=known)


def test_a_document_is_a_file_like_any_other_with_the_size_and_the_hash_of_its_bytes(tmp_path: Path) -> None:
    data = pdf("words")
    found = chunked(tmp_path, "a.pdf", data)

    assert isinstance(found, ChunkedFile)
    assert (found.language, found.source.size, found.source.text) == ("pdf", len(data), "words\n")
    assert found.source.content_hash == sha256(data).digest()
    assert [chunk.symbol for chunk in found.chunks] == ["page 1"]


def test_a_document_that_is_known_is_not_read_again_whatever_its_bytes_look_like(tmp_path: Path) -> None:
    data = pdf_of(b"% -----BEGIN PRIVATE KEY-----", packed=0)
    assert b"PRIVATE KEY" in data
    found = chunked(tmp_path, "a.pdf", data, known={sha256(data).digest(): 7})

    assert isinstance(found, UnchangedFile)
    assert found.version_id == 7


def test_what_is_said_of_the_content_holds_until_it_changes_and_the_rest_is_tried_again(tmp_path: Path) -> None:
    scan = chunked(tmp_path, "a.pdf", pdf(""))
    late = chunked(tmp_path, "a.pdf", slow_pdf(), document_seconds=0.5)

    assert isinstance(scan, SkippedFile)
    assert (scan.reason, scan.content_hash) == ("no_text", sha256(pdf("")).digest())
    assert isinstance(late, SkippedFile)
    assert (late.reason, late.content_hash) == ("unfinished", None)
    assert None not in (scan.size, late.size)


def test_a_job_that_is_cancelled_does_not_wait_for_a_document(tmp_path: Path) -> None:
    with pytest.raises(ChunkingAborted):
        chunked(tmp_path, "a.pdf", slow_pdf(), aborted=lambda: bool(children()))
    assert children() == []


def test_without_the_packages_documents_are_left_out_unread(tmp_path: Path) -> None:
    for name in ("a.pdf", "B.PDF", "c.docx", "d.py", "xdocx"):
        (tmp_path / name).write_bytes(b"x\n")
    with (tmp_path / "large.pdf").open("wb") as large:
        large.truncate(MAX_DOCUMENT_BYTES + 1)
    assert {file.path for file in walk(tmp_path) if file.skip_reason is not None} == {"large.pdf"}

    with without_packages("pypdf"):
        found = {file.path: (file.skip_reason, file.detail) for file in walk(tmp_path)}
        skipped = chunked(tmp_path, "a.pdf", pdf("words"))

    assert found == {
        "a.pdf": (SkipReason.EXTRA_MISSING, "reading it takes pypdf"),
        "B.PDF": (SkipReason.EXTRA_MISSING, "reading it takes pypdf"),
        "c.docx": (None, None),
        "d.py": (None, None),
        "xdocx": (None, None),
        "large.pdf": (SkipReason.OVERSIZED, "33,554,433 bytes; the limit is 33,554,432"),
    }
    assert isinstance(skipped, SkippedFile)
    assert (skipped.reason, skipped.content_hash) == ("extra_missing", None)
    assert "pgdex[documents]" in SkipReason(skipped.reason).explanation


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("a.pdf", b"%PDF-1.7\n", PDF),
        ("A.PDF", b"\xef\xbb\xbf\n%PDF-1.7\n", PDF),
        ("a.docx", b"PK\x03\x04", DOCX),
        ("a.pdf", b"version https://git-lfs.github.com/spec/v1\n", None),
        ("a.docx", b"plain text\n", None),
        ("a.bin", b"%PDF-1.7\n", None),
        ("pdf", b"%PDF-1.7\n", None),
    ],
)
def test_a_document_is_known_by_its_name_and_how_it_begins(name: str, data: bytes, kind: DocumentKind | None) -> None:
    assert kind_of(name, data) is kind
