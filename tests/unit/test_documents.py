"""The text of PDF and Word documents: pages and headings, and what is refused, however hostile, with its reason."""

import io
import json
import random
import re
import signal
import subprocess
import sys
import threading
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdex.indexer.chunked_files import ChunkedFile, FileChunker
from pgdex.indexer.chunking import Chunk, ChunkingAborted, chunk_file
from pgdex.indexer.documents import (
    MAX_DOCUMENT_BYTES,
    PAGE_END,
    DocumentKind,
    Extracted,
    ExtractionAborted,
    Limits,
    Refusal,
    Refused,
    extract,
    kind_of,
)
from pgdex.indexer.documents.cleaning import WIDTH, cleaned
from pgdex.indexer.languages import language_of
from pgdex.indexer.sources import SkipReason, walk
from pgdex.indexer.stopwatch import Stopwatch
from pgdex.indexer.storage import SkippedFile, UnchangedFile
from tests.support.documents import (
    endless_pdf,
    pdf,
    pdf_bomb,
    pdf_of,
    slow_pdf,
    strict,
    with_part,
    without_packages,
    word,
    zipped,
)
from tests.support.waiting import wait_for

LIMITS = Limits(text_bytes=1 << 20)
PDF, DOCX = DocumentKind.PDF, DocumentKind.DOCX


def text_of(data: bytes, kind: DocumentKind) -> str:
    found = extract(data, kind, limits=LIMITS)
    assert isinstance(found, Extracted), found
    assert not found.unread
    return found.text


def refused(data: bytes, kind: DocumentKind, *, limits: Limits = LIMITS) -> Refused:
    found = extract(data, kind, limits=limits)
    assert isinstance(found, Refused), found
    assert found.detail
    return found


def chunks_of(text: str, name: str) -> list[Chunk]:
    return chunk_file(text, language_of(name))


def test_the_text_of_a_pdf_is_found_with_its_page_and_its_lines() -> None:
    text = text_of(pdf("The first page.\nHow retries (and backoff) work.", "", "The last page."), PDF)

    assert text.split(PAGE_END) == ["The first page.\nHow retries (and backoff) work.\n", "", "The last page.\n"]
    assert [(one.symbol, one.start_line, one.end_line, one.content) for one in chunks_of(text, "a.pdf")] == [
        ("page 1", 1, 2, "The first page.\nHow retries (and backoff) work.\n"),
        ("page 3", 3, 3, "The last page.\n"),
    ]


def test_a_pdf_that_only_forbids_printing_is_read() -> None:
    assert text_of(pdf("Public words.", owner_password="secret"), PDF) == "Public words.\n"


def test_the_headings_of_a_word_document_are_its_sections() -> None:
    long = "Words about the server. " * 60
    text = text_of(
        word("= Handbook", "1 Install", long, "2 On Linux", long, "1 Use", "# a comment\nin a shell", long), DOCX
    )

    symbols = [(one.kind, one.symbol) for one in chunks_of(text, "a.docx")]
    assert symbols == [
        ("section", "Handbook > Install"),
        ("section", "Handbook > Install > On Linux"),
        ("section", "Handbook > Use"),
    ]
    assert "\\# a comment\nin a shell\n" in text
    assert max(map(len, text.split("\n"))) <= WIDTH


def test_the_tables_of_a_word_document_are_lines_of_it() -> None:
    text = text_of(word("1 Types", tables=2), DOCX)

    assert text.count("head 0 | head 1 | head 2\n") == 2
    assert text.count("merged cell | table in a table\n") == 2


def test_no_text_of_a_word_document_is_lost_for_what_stands_around_it() -> None:
    def run(text: str) -> str:
        return f"<w:r><w:t>{text}</w:t></w:r>"

    body = (
        '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>'
        f"<w:sdt><w:sdtContent><w:p>{run('of a template, ')}<w:ins>{run('inserted, ')}</w:ins>"
        f"<w:del><w:r><w:delText>deleted</w:delText></w:r></w:del><w:hyperlink>{run('linked')}</w:hyperlink></w:p>"
        f"<w:tbl><w:sdt><w:sdtContent><w:tr><w:tc><w:p>{run('in a table')}</w:p></w:tc></w:tr></w:sdtContent></w:sdt>"
        "</w:tbl></w:sdtContent></w:sdt></w:body></w:document>"
    )
    text = text_of(with_part(word("x"), "word/document.xml", body.encode()), DOCX)

    assert text == "of a template, inserted, linked\n\nin a table\n\n"


def test_a_heading_is_known_by_what_its_style_is_based_on() -> None:
    styled = io.BytesIO(word("1 Install", "x"))
    with zipfile.ZipFile(styled) as archive:
        styles = archive.read("word/styles.xml").decode()
    own = (
        '<w:style w:type="paragraph" w:customStyle="1" w:styleId="Ours"><w:name w:val="Our heading"/>'
        '<w:basedOn w:val="Heading1"/></w:style></w:styles>'
    )
    changed = with_part(styled.getvalue(), "word/styles.xml", styles.replace("</w:styles>", own).encode())
    with zipfile.ZipFile(io.BytesIO(changed)) as archive:
        body = archive.read("word/document.xml").decode()
    changed = with_part(changed, "word/document.xml", body.replace('w:val="Heading1"', 'w:val="Ours"').encode())

    assert text_of(changed, DOCX).startswith("## Install\n")


@pytest.mark.parametrize(
    ("data", "kind", "reason", "detail"),
    [
        pytest.param(pdf("x", password="secret"), PDF, Refusal.ENCRYPTED, "password", id="a PDF with a password"),
        pytest.param(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(9_000), DOCX, Refusal.ENCRYPTED, "password", id="OLE"),
        pytest.param(pdf("", ""), PDF, Refusal.NO_TEXT, "pages: 2, none with text", id="a scan"),
        pytest.param(word(), DOCX, Refusal.NO_TEXT, "no paragraph", id="an empty Word document"),
        pytest.param(b"%PDF-1.7\nrubbish", PDF, Refusal.UNPARSABLE, "Error", id="no PDF"),
        pytest.param(pdf("x" * 90)[:300], PDF, Refusal.UNPARSABLE, "Error", id="half of a PDF"),
        pytest.param(word("x")[:-400], DOCX, Refusal.UNPARSABLE, "BadZipFile", id="half of a Word document"),
        pytest.param(endless_pdf(), PDF, Refusal.UNPARSABLE, "", id="pages in themselves"),
        pytest.param(with_part(word("x"), "word/document.xml", b"<no"), DOCX, Refusal.UNPARSABLE, "XML", id="no XML"),
        pytest.param(with_part(word("x"), "[Content_Types].xml", b"<a/>"), DOCX, Refusal.UNPARSABLE, "", id="no parts"),
        pytest.param(
            zipped(a="b"), DOCX, Refusal.UNPARSABLE, "a ZIP archive, but not a Word document", id="any archive"
        ),
        pytest.param(strict(word("x")), DOCX, Refusal.UNPARSABLE, "Strict Open XML; save it as", id="Strict Open XML"),
        pytest.param(
            with_part(word("x"), "word/media/a.png", bytes(260 << 20)), DOCX, Refusal.UNPARSABLE, "unpack", id="a bomb"
        ),
        pytest.param(
            with_part(word("x"), "word/document.xml", b"<a>" * 200_000 + b"</a>" * 200_000),
            *(
                DOCX,
                Refusal.UNPARSABLE,
                "",
            ),
            id="elements in elements",
        ),
    ],
)
def test_what_has_no_text_to_index_is_refused_with_its_reason(
    data: bytes, kind: DocumentKind, reason: Refusal, detail: str
) -> None:
    found = refused(data, kind)

    assert found.reason is reason
    assert found.reason.is_final
    assert detail in found.detail
    assert len(found.detail) <= 250


def test_a_process_that_can_not_be_started_says_nothing_about_the_document(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")  # what an upgrade under a running worker is replacing

    found = refused(pdf("x"), PDF)

    assert found == Refused(Refusal.UNFINISHED, "no process could be started to read it: No such file or directory")
    assert not found.reason.is_final


def test_entities_are_never_expanded() -> None:
    laughs = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))
    body = (
        f'<?xml version="1.0"?><!DOCTYPE d [<!ENTITY l0 "lol"><!ENTITY f SYSTEM "file:///etc/passwd">{laughs}]>'
        '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>'
        "<w:p><w:r><w:t>before &l9; &f; after</w:t></w:r></w:p></w:body></w:document>"
    )
    found = extract(with_part(word("x"), "word/document.xml", body.encode()), DOCX, limits=LIMITS)

    assert isinstance(found, Refused) or ("lol" not in found.text and "root:" not in found.text)


def test_a_page_that_unpacks_without_end_costs_no_memory() -> None:
    found = extract(pdf_bomb(), PDF, limits=LIMITS)

    assert isinstance(found, Refused)
    assert found.reason in (Refusal.UNPARSABLE, Refusal.NO_TEXT)


def test_pages_that_can_not_be_read_are_counted_and_the_others_kept() -> None:
    data = pdf_of(b"BT /F1 12 Tf 72 720 Td (whole) Tj ET", b"BT /F1 12 Tf 72 720 Td (broken) Tj ET")
    place = data.rindex(b"/FlateDecode")
    broken = data[:place] + b"/NoSuchCode_" + data[place + len(b"/FlateDecode") :]

    found = extract(broken, PDF, limits=LIMITS)

    assert found == Extracted(f"whole\n{PAGE_END}", unread=1)
    assert refused(broken.replace(b"/FlateDecode", b"/NoSuchCode_"), PDF).detail.startswith(
        "none of its pages can be read: NotImplementedError"
    )


def test_processor_time_is_a_verdict_on_the_content() -> None:
    found = refused(slow_pdf(), PDF, limits=Limits(text_bytes=1 << 30, cpu_seconds=1))

    assert found == Refused(Refusal.UNPARSABLE, "reading it takes more than 1 s of a processor")


def test_memory_is_a_verdict_on_the_content() -> None:
    data = pdf_of(b"BT /F1 12 Tf " + bytes(60_000_000) + b" ET")
    limits = Limits(text_bytes=1 << 30, memory_bytes=80 << 20)
    command = [sys.executable, "-P", "-m", "pgdex.indexer.documents.child", "pdf", len(data), 1 << 30, 30, 80 << 20]

    expected = Refused(Refusal.UNPARSABLE, "reading it takes more than 80 MiB of memory")
    assert refused(data, PDF, limits=limits) == expected
    # By its own limit, too, where nobody looks at it.
    with subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(data)
        child.stdin.flush()
        said = json.loads(child.stdout.read())
    assert said == {"reason": expected.reason, "detail": expected.detail}


def test_a_system_without_a_limit_of_memory_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    popen = subprocess.Popen

    def without_limit(command: list[str], **options: object) -> object:
        return popen([*command[:-1], str(1 << 40)], **options)  # type: ignore[call-overload]  # passed on as they are

    monkeypatch.setattr(subprocess, "Popen", without_limit)
    limits = Limits(text_bytes=1 << 30, memory_bytes=40 << 20)
    found = refused(slow_pdf(), PDF, limits=limits)

    assert found == Refused(Refusal.UNPARSABLE, "reading it takes more than 40 MiB of memory")


def test_time_by_the_clock_is_tried_again() -> None:
    found = refused(slow_pdf(), PDF, limits=Limits(text_bytes=1 << 30, wall_seconds=0.3))

    assert found == Refused(Refusal.UNFINISHED, "it was not read after 0.3 s")
    assert not found.reason.is_final


def test_more_text_than_the_limit_is_too_large() -> None:
    limits = Limits(text_bytes=1_000)

    assert refused(pdf(*["some words\n" * 20] * 5), PDF, limits=limits).reason is Refusal.OVERSIZED
    assert refused(word(*["some words " * 20] * 5), DOCX, limits=limits).reason is Refusal.OVERSIZED


def children() -> list[psutil.Process]:
    return [one for one in psutil.Process().children() if "pgdex.indexer.documents.child" in one.cmdline()]


def test_reading_stops_when_it_is_told_to_and_leaves_no_process() -> None:
    stop = threading.Event()
    data = slow_pdf()

    def tell() -> None:
        wait_for(lambda: bool(children()), what="the process that reads")
        stop.set()

    teller = threading.Thread(target=tell)
    teller.start()
    with pytest.raises(ExtractionAborted):
        extract(data, PDF, limits=LIMITS, aborted=stop.is_set)
    teller.join()

    assert children() == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_that_somebody_ends_says_nothing_about_the_document(number: signal.Signals) -> None:
    def end() -> None:
        wait_for(lambda: bool(children()), what="the process that reads")
        for one in children():
            one.send_signal(number)

    ender = threading.Thread(target=end)
    ender.start()
    found = refused(slow_pdf(), PDF, limits=Limits(text_bytes=1 << 30))
    ender.join()

    assert found == Refused(Refusal.UNFINISHED, f"the process that read it was ended ({number.name})")


def test_a_process_that_crashes_says_that_the_document_does_it() -> None:
    def crash() -> None:
        wait_for(lambda: bool(children()), what="the process that reads")
        for one in children():
            one.send_signal(signal.SIGSEGV)

    crasher = threading.Thread(target=crash)
    crasher.start()
    found = refused(slow_pdf(), PDF, limits=Limits(text_bytes=1 << 30))
    crasher.join()

    assert found == Refused(Refusal.UNPARSABLE, "it crashes what reads it (SIGSEGV)")


def test_reading_ends_with_the_process_that_asked_for_it(tmp_path: Path) -> None:
    (tmp_path / "slow.pdf").write_bytes(slow_pdf())
    program = (
        "import sys; from pathlib import Path; from pgdex.indexer.documents import *\n"
        "extract(Path(sys.argv[1]).read_bytes(), DocumentKind.PDF, limits=Limits(text_bytes=1 << 30))"
    )
    with subprocess.Popen([sys.executable, "-c", program, tmp_path / "slow.pdf"]) as parent:
        found: list[psutil.Process] = []

        def is_reading() -> bool:
            found[:] = [
                one for one in psutil.Process(parent.pid).children() if "pgdex.indexer.documents.child" in one.cmdline()
            ]
            # It has the whole document, and imported what reads it.
            return bool(found) and found[0].cpu_times().user > 0.6

        wait_for(is_reading, what="the process that reads")
        parent.kill()

    def has_ended() -> bool:
        return not found[0].is_running() or found[0].status() == psutil.STATUS_ZOMBIE

    wait_for(has_ended, what="its end", seconds=10)  # it has half a minute of work


def test_nothing_can_be_written_while_a_document_is_read(tmp_path: Path) -> None:
    program = (
        "from pgdex.indexer.documents import child\n"
        "child._limit(cpu_seconds=5, memory_bytes=1 << 30)\n"
        f"with open({str(tmp_path / 'written')!r}, 'w') as file: file.write('x')"
    )
    ended = subprocess.run([sys.executable, "-c", program], check=False, stderr=subprocess.PIPE)

    assert ended.returncode != 0
    assert (tmp_path / "written").stat().st_size == 0


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


def test_whatever_is_wrong_with_a_document_it_is_text_or_a_reason() -> None:
    chance = random.Random(3)
    for number in range(6):
        whole, kind = [(pdf("some words", "more words"), PDF), (word("1 Title", "words", tables=1), DOCX)][number % 2]
        broken = bytearray(whole)
        for _ in range(1 + 8 * number):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        found = extract(bytes(broken), kind, limits=Limits(text_bytes=1 << 20, cpu_seconds=5))
        assert isinstance(found, Extracted | Refused)


def test_a_table_of_contents_is_its_titles_and_numbers() -> None:
    assert cleaned("1 Introduction . . . . . . . . . . 1\n2 Use.................... 12\nand so on...") == (
        "1 Introduction … 1\n2 Use… 12\nand so on...\n"
    )


@pytest.mark.parametrize(
    ("extracted", "typed"),
    [
        pytest.param("cafe\u0301 nai\u0308ve", "café naïve", id="accents apart"),
        pytest.param("\u2f08\u2f2f智能", "人工智能", id="radicals"),
        pytest.param("\uf9e4", "理", id="compatibility ideographs"),
        pytest.param("\ufe8d\ufedf\ufecc\ufeae\ufe91\ufef4\ufe94", "العربية", id="Arabic"),
        pytest.param("\ufb2a\ufb39", "\u05e9\u05c1\u05d9\u05bc", id="Hebrew"),
        pytest.param("ﬁle x² ½ ＡＢ Ⅳ", "file x² ½ ＡＢ Ⅳ", id="what people type stays"),
    ],
)
def test_text_in_any_script_is_as_people_type_it(extracted: str, typed: str) -> None:
    assert cleaned(extracted) == f"{typed}\n"


ANY_TEXT = st.text(
    st.characters()
    | st.sampled_from("ab  \n\t\f\r\v\0\x1c\u00ad\ufb01\u2028\ud800漢字\u2f08\ufe8d\ufdfae\u0301# -|..."),
    max_size=400,
)


@given(ANY_TEXT | ANY_TEXT.map(lambda text: text.replace(" ", "") * 3))
def test_cleaned_text_is_lines_that_can_be_shown_and_stored(text: str) -> None:
    found = cleaned(text)

    found.encode()
    assert not re.search("[\0-\x08\x0b-\x1f\x7f-\x9f\u00ad\ufb01\u2f08\ufe8d]", found)
    assert found == "" or (found.endswith("\n") and found.strip())
    assert all(len(line) <= WIDTH and line == line.rstrip() for line in found.split("\n"))
    assert "\n\n\n" not in found
    assert cleaned(found) == found


@given(st.lists(ANY_TEXT.map(cleaned), min_size=1, max_size=6))
def test_every_line_of_every_page_is_in_the_chunk_that_says_its_page_and_its_lines(pages: list[str]) -> None:
    text = PAGE_END.join(pages)
    lines = text.replace(PAGE_END, "").splitlines(keepends=True)
    chunks = chunks_of(text, "a.pdf")

    assert "".join(chunk.content for chunk in chunks) == "".join(pages)
    for chunk in chunks:
        assert "".join(lines[chunk.start_line - 1 : chunk.end_line]) == chunk.content
        assert chunk.symbol is not None
        assert chunk.content in pages[int(chunk.symbol.removeprefix("page ")) - 1]
