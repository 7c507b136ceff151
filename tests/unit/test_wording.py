"""Sentences that agents share."""

import pytest

from pgdex.jobs.client.wording import about, kept_and_lost
from tests.support.cli_samples import sample_job


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.6, "1 s"), (59.4, "59 s"), (89, "89 s"), (90, "2 min"), (3600, "60 min"), (5400, "2 h"), (90_000, "25 h")],
)
def test_a_duration_is_told_roughly(seconds: float, text: str) -> None:
    assert about(seconds) == text


def test_a_job_that_has_not_started_loses_nothing_by_a_cancellation() -> None:
    assert kept_and_lost(sample_job(status="pending"), again="x")[1] == "nothing"


def test_a_cancellation_keeps_what_is_indexed_and_names_the_way_on() -> None:
    job = sample_job(files_scanned=10, files_indexed=1, files_skipped=2, files_unchanged=3)

    kept, lost = kept_and_lost(job, again="`pgdex index`")

    assert "what this job indexed (1 file) stays searchable" in kept
    assert "`pgdex index`" in kept
    assert "the others (4 files) stay as they were" in lost
