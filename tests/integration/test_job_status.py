"""What pgdex.job_status tells of a job: its percentage, its line of text and its progress events."""

from typing import Any
from uuid import UUID

import pytest
from psycopg.rows import dict_row

from pgdex.jobs.database.connection import Connection
from tests.support.job_checks import events_of, job_in, value
from tests.support.sql_worker import SqlWorker, enqueue, reclaim, tree


def status(connection: Connection, job_id: UUID) -> dict[str, Any]:
    """The job's row of the view."""
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute("select * from pgdex.job_status where job_id = %s", [job_id]).fetchone()
    assert row is not None
    return row


def message(connection: Connection, job_id: UUID) -> str:
    """The line that every agent shows."""
    return str(status(connection, job_id)["progress_message"])


def percentage(connection: Connection, job_id: UUID) -> float:
    """The percentage that every agent shows."""
    return float(status(connection, job_id)["progress_percentage"])


def pass_time(connection: Connection, job_id: UUID, seconds: float) -> None:
    """Move a job's clock readings into the past."""
    connection.execute(
        "update pgdex.indexing_jobs set scanned_at = scanned_at - make_interval(secs => %(s)s),"
        " last_commit_at = last_commit_at - make_interval(secs => %(s)s),"
        " last_event_at = last_event_at - make_interval(secs => %(s)s) where id = %(id)s",
        {"s": seconds, "id": job_id},
    )
    connection.execute(
        "update pgdex.job_batches set started_at = started_at - make_interval(secs => %s)"
        " where job_id = %s and state = 'running'",
        [seconds, job_id],
    )


def work_for(connection: Connection, worker: SqlWorker, job_id: UUID, seconds: float) -> None:
    """Do the next batch, which takes so long."""
    claim = worker.take()
    pass_time(connection, job_id, seconds)
    worker.complete(claim)
    worker.drop(claim.wake_up)


# Percentage


def test_progress_weighs_scanning_chunking_embedding_and_writing(connection: Connection) -> None:
    worker = SqlWorker(connection)
    job_id = enqueue(connection)
    assert percentage(connection, job_id) == 0
    scan = worker.take()
    worker.report(scan, "scanning", found=5_000)
    assert percentage(connection, job_id) == 5
    worker.report(scan, "scanning", found=45_000)
    assert percentage(connection, job_id) == 9
    worker.plan(scan, tree(10), batch_files=5)
    assert percentage(connection, job_id) == 10
    first = worker.take()
    worker.report(first, "chunking", chunked=5)
    assert percentage(connection, job_id) == 30
    worker.report(first, "embedding", chunked=5, embedded=5)
    assert percentage(connection, job_id) == 50
    worker.complete(first)
    assert percentage(connection, job_id) == 55
    worker.complete(worker.take())
    assert percentage(connection, job_id) == 99
    worker.finish(worker.take())
    assert percentage(connection, job_id) == 100


@pytest.mark.parametrize("how", ["reclaimed", "released", "healed", "blocked"])
def test_a_batch_that_goes_back_does_not_take_progress_back(connection: Connection, how: str) -> None:
    worker, peer = SqlWorker(connection), SqlWorker(connection)
    job_id = enqueue(connection)
    worker.work(tree(10), batch_files=5)
    lost = worker.take()
    worker.report(lost, "embedding", chunked=5, embedded=4)
    assert percentage(connection, job_id) == 46
    if how == "reclaimed":
        worker.die()
        reclaim(connection)
    elif how == "healed":
        worker.drop(lost.wake_up)
        connection.execute("select pgdex.heal_batches()")
    else:
        assert worker.release(lost)
    if how == "blocked":
        connection.execute("select pgdex.block_job(%s, 'service is away')", [job_id])
        assert percentage(connection, job_id) == 46
        connection.execute("select pgdex.resume_job(%s)", [job_id])
        connection.execute("select pgdex.admit_jobs()")
    assert percentage(connection, job_id) == 46
    peer.complete(peer.take())
    assert percentage(connection, job_id) == 55


def test_a_batch_cannot_report_more_files_than_it_has_nor_take_a_report_back(connection: Connection) -> None:
    worker = SqlWorker(connection)
    job_id = enqueue(connection)
    worker.work(tree(10), batch_files=5)
    claim = worker.take()
    worker.report(claim, "embedding", chunked=500, embedded=3)
    worker.report(claim, "embedding", chunked=1, embedded=1)
    assert percentage(connection, job_id) == 10 + 4 * 5 + 4 * 3


@pytest.mark.parametrize("end", ["cancel", "fail"])
def test_a_job_that_ends_early_keeps_its_percentage(connection: Connection, end: str) -> None:
    worker = SqlWorker(connection)
    job_id = enqueue(connection)
    worker.work(tree(10), batch_files=5)
    worker.report(worker.take(), "chunking", chunked=5)
    arguments = {"cancel": "%s", "fail": "%s, 'no good', 'SomeError'"}[end]
    connection.execute(f"select pgdex.{end}_job({arguments})", [job_id])
    assert percentage(connection, job_id) == 30


# Text


def test_a_pending_job_says_what_it_waits_for(connection: Connection) -> None:
    jobs = [enqueue(connection, f"/repo{number}") for number in range(5)]
    assert message(connection, jobs[0]) == "Waiting for a worker: none is running (start one with: pgdex worker)"
    SqlWorker(connection)
    assert message(connection, jobs[0]) == "Waiting for a free worker"
    assert message(connection, jobs[4]) == "Waiting for its turn: 4 jobs are before it"
    connection.execute("select pgdex.cancel_job(%s)", [jobs[3]])
    assert message(connection, jobs[4]) == "Waiting for its turn: 3 jobs are before it"
    connection.execute("select pgdex.cancel_job(%s)", [jobs[0]])
    assert message(connection, jobs[4]) == "Waiting for a free worker", "the next tick lets it in"
    connection.execute("select pgdex.cancel_job(%s)", [jobs[1]])
    connection.execute("select pgdex.set_setting('max_concurrent_jobs', '1')")
    assert message(connection, jobs[4]) == "Waiting for its turn: 1 job is before it"


def test_a_running_job_names_its_phase_and_counts(connection: Connection) -> None:
    worker = SqlWorker(connection)
    job_id = enqueue(connection)
    scan = worker.take()
    assert message(connection, job_id) == "Scanning: 0 files found"
    worker.report(scan, "scanning", found=12_345)
    assert message(connection, job_id) == "Scanning: 12,345 files found"
    worker.plan(scan, tree(1_500), batch_files=500)
    worker.drop(scan.wake_up)
    assert message(connection, job_id) == "Waiting for a worker: 0/1,500 files"
    claim = worker.take()
    assert message(connection, job_id) == "Chunking: 0/1,500 files"
    worker.report(claim, "embedding", chunked=500)
    assert message(connection, job_id) == "Generating embeddings: 0/1,500 files"
    worker.report(claim, "writing", chunked=500, embedded=500)
    assert message(connection, job_id).startswith("Writing: 0/1,500 files · "), "what is embedded counts in the rate"
    assert status(connection, job_id)["phase"] == "writing"
    worker.complete(claim)
    assert message(connection, job_id).startswith("Waiting for a worker: 500/1,500 files · ")
    worker.die()
    assert message(connection, job_id) == (
        "Waiting for a worker at 500/1,500 files: none is running (start one with: pgdex worker)"
    )
    peer = SqlWorker(connection)
    peer.complete(peer.take())
    peer.complete(peer.take())
    assert message(connection, job_id) == "Finishing: waiting for a worker"
    finish = peer.take()
    assert message(connection, job_id) == "Finishing: removing deleted files and building indexes"
    peer.finish(finish)
    assert message(connection, job_id).startswith("Completed: 1,500 indexed, 0 unchanged, 0 skipped, 0 deleted in ")
    assert status(connection, job_id)["phase"] is None


def test_what_the_last_worker_had_in_flight_when_it_died_is_no_phase_of_the_job(connection: Connection) -> None:
    none = "none is running (start one with: pgdex worker)"
    job_id = enqueue(connection)
    worker = SqlWorker(connection)
    worker.report(worker.take(), "scanning", found=5)
    worker.die()
    assert message(connection, job_id) == f"Waiting for a worker to scan: {none}"

    worker = SqlWorker(connection)
    assert message(connection, job_id) == "Scanning: 5 files found", "a peer that has yet to notice"
    reclaim(connection)
    scan = worker.take()
    worker.plan(scan, tree(1_500), batch_files=500)
    worker.drop(scan.wake_up)
    worker.complete(worker.take())
    worker.take()
    worker.die()
    assert message(connection, job_id) == f"Waiting for a worker at 500/1,500 files: {none}"

    worker = SqlWorker(connection)
    reclaim(connection)
    worker.complete(worker.take())
    worker.complete(worker.take())
    worker.take()
    assert message(connection, job_id) == "Finishing: removing deleted files and building indexes"
    worker.die()
    assert message(connection, job_id) == f"Finishing: waiting for a worker, and {none}"


def test_a_blocked_job_says_what_it_waits_for_and_when_it_tries_again(connection: Connection) -> None:
    job_id = job_in(connection, "blocked")
    connection.execute(
        "update pgdex.indexing_jobs set next_probe_at = clock_timestamp() + interval '200.5 s', probe_wait = 250"
        " where id = %s",
        [job_id],
    )
    assert message(connection, job_id) == "Waiting: service is away · next try in 3 min 20 s"
    connection.execute("update pgdex.indexing_jobs set next_probe_at = now() where id = %s", [job_id])
    assert message(connection, job_id) == "Waiting: service is away · next try now"
    connection.execute(
        "update pgdex.indexing_jobs set next_probe_at = now() + interval '4 hours' where id = %s", [job_id]
    )
    assert message(connection, job_id).endswith("next try in 4 min 10 s"), "the clock was set back by four hours"


def test_a_blocked_job_whose_service_answers_says_that_it_waits_for_a_place(connection: Connection) -> None:
    job_id = job_in(connection, "blocked")
    for number in range(3):
        enqueue(connection, f"/other{number}")
    connection.execute("select pgdex.resume_job(%s)", [job_id])
    connection.execute("select pgdex.admit_jobs()")
    assert message(connection, job_id) == (
        "Waiting for its turn to continue: what it waited for answers again, and 3 jobs are before it"
    )


def test_a_failed_and_a_cancelled_job_say_how_they_ended(connection: Connection) -> None:
    assert message(connection, job_in(connection, "failed")) == "Failed: no good"
    worker = SqlWorker(connection)
    job_id = enqueue(connection, "/other")
    worker.work(tree(6))
    worker.work(tree(6))
    connection.execute("select pgdex.cancel_job(%s)", [job_id])
    assert message(connection, job_id) == "Cancelled after 2 of 6 files; what was indexed stays searchable"


def test_durations_read_well(connection: Connection) -> None:
    for seconds, text in (
        (-1, "0.0 s"),
        (0.44, "0.4 s"),
        (9.9, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.9, "59 s"),
        (200, "3 min 20 s"),
        (3599.9, "59 min 59 s"),
        (7500, "2 h 5 min"),
    ):
        assert value(connection, "select pgdex.duration_text(%s::float8)", seconds) == text


# Progress events


def test_a_hundred_files_make_a_progress_event(connection: Connection) -> None:
    worker = SqlWorker(connection)
    job_id = enqueue(connection)
    worker.work(tree(200), batch_files=50)
    counts = []
    for _ in range(4):
        worker.work(tree(200))
        counts.append(events_of(connection, job_id).count("progress"))
    # One came with the plan. Commits within the same second are told of every hundred files.
    assert counts == [1, 2, 2, 3]
    data = value(
        connection,
        "select event_data from pgdex.job_events where job_id = %s and event_type = 'progress'"
        " order by id desc limit 1",
        job_id,
    )
    assert (data["files_indexed"], data["files_scanned"], data["progress_percentage"]) == (200, 200, 99.0)


def test_a_commit_after_a_second_of_silence_makes_a_progress_event(connection: Connection) -> None:
    worker = SqlWorker(connection)
    job_id = enqueue(connection)
    worker.work(tree(8))
    pass_time(connection, job_id, 1.1)
    worker.work(tree(8))
    worker.work(tree(8))
    assert events_of(connection, job_id).count("progress") == 2


def test_a_slow_batch_makes_progress_events_while_it_runs(connection: Connection) -> None:
    worker = SqlWorker(connection)
    job_id = enqueue(connection)
    worker.work(tree(8), batch_files=8)
    claim = worker.take()
    for embedded in (1, 2, 3):
        pass_time(connection, job_id, 2.1)
        worker.report(claim, "embedding", chunked=8, embedded=embedded)
        worker.report(claim, "embedding", chunked=8, embedded=embedded)
    percentages = connection.execute(
        "select event_data -> 'progress_percentage' from pgdex.job_events"
        " where job_id = %s and event_type = 'progress' order by id",
        [job_id],
    ).fetchall()
    assert percentages == [(10.0,), (55.0,), (60.0,), (65.0,)]


def test_a_running_job_shows_where_its_time_went_so_far(connection: Connection) -> None:
    worker = SqlWorker(connection)
    job_id = enqueue(connection)
    worker.work(tree(6), batch_files=2)
    seen = []
    for _ in range(2):
        worker.complete(worker.take())
        seen.append(
            {phase: float(seconds) for phase, seconds in status(connection, job_id)["seconds_by_phase"].items()}
        )
    assert seen[0].keys() == seen[1].keys() >= {"scanning", "reading", "chunking", "embedding", "writing"}
    assert seen[1]["scanning"] == seen[0]["scanning"] > 0
    for phase in ("reading", "chunking", "embedding", "writing"):
        assert seen[1][phase] == pytest.approx(2 * seen[0][phase])
        assert seen[0][phase] > 0
