"""What the benchmarks work out from a job's batches."""

import pytest

from benchmarks.job_record import BatchRecord, JobRecord


def batch(started: float, completed: float, *, files: int = 10, work: float = 0.0) -> BatchRecord:
    return BatchRecord(started, completed, files, {"reading": work / 4, "chunking": work / 2, "writing": work / 4})


def test_the_rates_of_the_first_and_the_last_tenth_are_told_apart() -> None:
    quick = [batch(n, n + 1) for n in range(5)]
    slow = [batch(5 + 2 * n, 7 + 2 * n) for n in range(5)]
    record = JobRecord(scanned=0.0, seconds=16.0, batches=[*quick, *slow])

    assert record.rate_between(0, 0.1) == pytest.approx(10)
    assert record.rate_between(0.9, 1) == pytest.approx(5)
    assert record.rate_between(0, 1) == pytest.approx(100 / 15)
    assert record.files_per_second == pytest.approx(100 / 16)


def test_overhead_is_what_the_slots_did_not_spend_on_work() -> None:
    record = JobRecord(scanned=1.0, seconds=12.0, batches=[batch(1.5, 6.0, work=4.0), batch(6.5, 11.0, work=4.0)])

    assert record.overhead(1) == pytest.approx(1 - 8 / 10)
    assert record.overhead(2) == pytest.approx(1 - 8 / 20)
    assert record.overhead_of_batches() == pytest.approx(1 - 8 / 9)


def test_time_spent_on_anything_but_work_counts_as_overhead() -> None:
    waited = BatchRecord(0.0, 10.0, 5, {"embedding": 4.0, "waiting": 5.0})

    assert JobRecord(scanned=0.0, seconds=10.0, batches=[waited]).overhead(1) == pytest.approx(0.6)


def test_the_curve_holds_every_file_once() -> None:
    record = JobRecord(scanned=2.0, seconds=30.0, batches=[batch(n, n + 1, files=n) for n in range(2, 22)])

    curve = record.curve(points=7)

    width = (22.0 - 2.0) / 7
    assert sum(rate * width for _, rate in curve) == pytest.approx(record.files)
    assert curve[0][0] == pytest.approx(2.0 + width / 2)


def test_a_job_that_found_nothing_to_do_has_no_rates() -> None:
    record = JobRecord(scanned=0.1, seconds=0.2, batches=[])

    assert record.files == 0
    assert record.overhead(2) == 0
    assert record.overhead_of_batches() == 0
    assert record.rate_between(0.9, 1) == 0
    assert record.curve() == []


def test_the_shares_of_a_job_make_it_whole() -> None:
    record = JobRecord(scanned=1.0, seconds=12.0, batches=[batch(1.5, 6.0, work=4.0), batch(6.5, 11.0, work=4.0)])

    shares = record.shares(1)

    assert sum(shares.values()) == pytest.approx(100)
    assert shares["scan"] == pytest.approx(100 / 12)
    assert shares["finish"] == pytest.approx(100 / 12)
    assert shares["chunking"] == pytest.approx(400 / 12)
    assert shares["overhead"] == pytest.approx(200 / 12)
