from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pgdex.jobs.cli.render.progress import Forward, PlainLines
from tests.support.cli_samples import completed_job, sample_job

reports = st.fixed_dictionaries(
    {
        "progress_percentage": st.floats(0, 100).map(lambda p: round(p, 1)),
        "elapsed_seconds": st.floats(0, 1e6),
        "phase": st.sampled_from([None, "scanning", "chunking", "embedding", "writing", "finishing"]),
        "files_scanned": st.sampled_from([0, 63]),
        "progress_message": st.text(max_size=20),
        "status": st.sampled_from(["pending", "running", "blocked"]),
    }
)


@given(st.lists(reports, min_size=2))
def test_what_is_shown_never_goes_back(history: list[dict[str, Any]]) -> None:
    forward = Forward()

    shown = [forward.show(sample_job(**report)) for report in history]

    percentages = [moment.percentage for moment in shown]
    assert percentages == sorted(percentages)
    elapsed = [moment.elapsed_seconds for moment in shown]
    assert elapsed == sorted(elapsed)


def test_a_scan_that_starts_again_does_not_take_back_its_count() -> None:
    forward = Forward()
    scanning = {"files_scanned": 0, "phase": "scanning"}
    forward.show(sample_job(**scanning, progress_percentage=5.0, progress_message="Scanning: 5,000 files found"))

    again = forward.show(
        sample_job(**scanning, progress_percentage=1.7, progress_message="Scanning: 1,000 files found")
    )
    further = forward.show(
        sample_job(**scanning, progress_percentage=6.0, progress_message="Scanning: 7,500 files found")
    )

    assert (again.percentage, again.message) == (5.0, "Scanning: 5,000 files found")
    assert (further.percentage, further.message) == (6.0, "Scanning: 7,500 files found")


def test_the_end_of_a_scan_replaces_its_message_even_at_the_same_percentage() -> None:
    forward = Forward()
    forward.show(
        sample_job(files_scanned=0, phase="scanning", progress_percentage=10.0, progress_message="Scanning: …")
    )

    assert forward.show(sample_job(progress_percentage=10.0, progress_message="Chunking: …")).message == "Chunking: …"


def test_a_log_gets_a_line_every_two_seconds_at_most() -> None:
    lines = PlainLines()

    written = [
        lines.line(sample_job(progress_percentage=float(tenth), progress_message=f"{tenth} files"), now=tenth / 10)
        for tenth in range(100)
    ]

    assert [tenth for tenth, line in enumerate(written) if line is not None] == [0, 20, 40, 60, 80]
    assert written[20] == " 20.0 %  20 files"


def test_a_new_phase_gets_its_line_at_once_and_only_once() -> None:
    lines = PlainLines()
    phases = ["scanning", "chunking", "embedding", "chunking", "embedding", "finishing"]

    written = [
        lines.line(sample_job(phase=phase, progress_message=f"{phase} {number}"), now=number / 100)
        for number, phase in enumerate(phases)
    ]

    assert [line is not None for line in written] == [True, True, True, False, False, True]


def test_the_end_gets_its_line_at_once() -> None:
    lines = PlainLines()
    lines.line(sample_job(), now=0.0)

    assert (
        lines.line(completed_job(progress_message="Completed: 60 indexed"), now=0.1) == "100.0 %  Completed: 60 indexed"
    )


def test_a_job_that_waits_does_not_fill_the_log() -> None:
    lines = PlainLines()

    written = [
        lines.line(sample_job(status="blocked", progress_message=f"Waiting · next try in {60 - second} s"), now=second)
        for second in range(60)
    ]

    assert [second for second, line in enumerate(written) if line is not None] == [0, 30]


@given(st.lists(reports))
def test_lines_hold_no_control_characters(history: list[dict[str, Any]]) -> None:
    lines = PlainLines()

    for second, report in enumerate(history):
        line = lines.line(sample_job(**report), now=second * 100.0)
        assert line is None or not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in line)
