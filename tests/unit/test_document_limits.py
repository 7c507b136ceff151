"""What reading a document may take: time, memory and its process's life, whatever the document is."""

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from pgdex.indexer.documents import DocumentKind, ExtractionAborted, Limits, Refusal, Refused, extract
from tests.support.document_readings import LIMITS, children, refused
from tests.support.documents import pdf, pdf_of, slow_pdf, word
from tests.support.waiting import wait_for

PDF, DOCX = DocumentKind.PDF, DocumentKind.DOCX


def test_a_process_that_can_not_be_started_says_nothing_about_the_document(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")  # what an upgrade under a running worker is replacing

    found = refused(pdf("x"), PDF)

    assert found == Refused(Refusal.UNFINISHED, "no process could be started to read it: No such file or directory")
    assert not found.reason.is_final


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
