"""What the database promises of a job, whoever writes to it: the transitions, the constraints, the figures."""

import json
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from pgdex.jobs.database.connection import Connection, connect
from tests.support.databases import settings_for
from tests.support.job_checks import (
    FINAL,
    ILLEGAL_CHANGE,
    STATUSES,
    SUMMARY,
    TO_STATUS,
    events_of,
    job_in,
    refused,
    set_status,
    status_of,
    value,
)
from tests.support.sql_worker import Found, SqlWorker, enqueue, tree
from tests.support.waiting import wait_for

LEGAL = {
    ("pending", "running"),
    ("pending", "cancelled"),
    ("running", "completed"),
    ("running", "failed"),
    ("running", "cancelled"),
    ("running", "blocked"),
    ("blocked", "running"),
    ("blocked", "failed"),
    ("blocked", "cancelled"),
}


@pytest.mark.parametrize("after", STATUSES)
@pytest.mark.parametrize("before", STATUSES)
def test_psql_can_make_the_legal_transitions_and_no_other(connection: Connection, before: str, after: str) -> None:
    job_id = job_in(connection, before)
    events = events_of(connection, job_id)
    if (before, after) in LEGAL:
        set_status(connection, job_id, after)
        assert len(events_of(connection, job_id)) == len(events) + 1
        return
    if before == after and before not in FINAL:
        set_status(connection, job_id, after)  # changes nothing, so it is no transition
    else:
        with refused(ILLEGAL_CHANGE):
            set_status(connection, job_id, after)
    assert value(connection, "select status from pgdex.indexing_jobs where id = %s", job_id) == before
    assert events_of(connection, job_id) == events


@pytest.mark.parametrize("status", FINAL)
def test_nothing_of_a_final_job_can_be_changed(connection: Connection, status: str) -> None:
    job_id = job_in(connection, status)
    for change in (
        "error_message = 'other'",
        "files_scanned = files_scanned + 1",
        "summary = '{}'",
        "force_reindex = true",
        "completed_at = now()",
    ):
        with refused(ILLEGAL_CHANGE, saying="final"):
            connection.execute(f"update pgdex.indexing_jobs set {change} where id = %s", [job_id])


def test_a_new_job_is_pending_whoever_inserts_it(connection: Connection) -> None:
    view = value(connection, "select view_id from pgdex.indexing_jobs where id = %s", job_in(connection, "cancelled"))
    insert = "insert into pgdex.indexing_jobs (view_id, project_id, repo_path, {}) values (%s, 'default', '/repo', {})"
    with refused(ILLEGAL_CHANGE, saying="must be pending, got running"):
        connection.execute(insert.format("status", "'running'"), [view])
    with refused(ILLEGAL_CHANGE, saying="nothing counted"):
        connection.execute(insert.format("files_scanned", "7"), [view])


@pytest.mark.parametrize("column", ["error_message", "error_type"])
def test_a_failed_job_says_why_and_of_what_kind(connection: Connection, column: str) -> None:
    job_id = job_in(connection, "running")
    for missing in ("''", "null"):
        values = {"error_message": "'no good'", "error_type": "'SomeError'"} | {column: missing}
        with refused("23514", saying="failed_says_why"):
            connection.execute(
                f"update pgdex.indexing_jobs set status = 'failed', error_message = {values['error_message']},"
                f" error_type = {values['error_type']} where id = %s",
                [job_id],
            )


def test_the_traceback_of_a_failure_is_kept(connection: Connection) -> None:
    job_id = job_in(connection, "failed")
    assert connection.execute(
        "select error_message, error_type, error_traceback from pgdex.job_status where job_id = %s", [job_id]
    ).fetchone() == ("no good", "SomeError", "Traceback: …")


def test_a_completed_job_has_a_whole_summary(connection: Connection) -> None:
    job_id = job_in(connection, "running")
    for missing in SUMMARY:
        summary = {key: content for key, content in SUMMARY.items() if key != missing}
        with refused("23514", saying="completed_has_a_summary"):
            connection.execute(TO_STATUS, {"id": job_id, "status": "completed", "summary": json.dumps(summary)})
    set_status(connection, job_id, "completed")


def test_a_job_cannot_complete_with_files_unaccounted_for(connection: Connection) -> None:
    job_id = job_in(connection, "running")
    connection.execute("update pgdex.indexing_jobs set files_scanned = 3, files_skipped = 2 where id = %s", [job_id])
    with refused("23514", saying="completed_has_a_summary"):
        set_status(connection, job_id, "completed")


def test_a_blocked_job_says_what_it_waits_for(connection: Connection) -> None:
    job_id = job_in(connection, "running")
    with refused("23514", saying="blocked_says_for_what"):
        connection.execute("update pgdex.indexing_jobs set status = 'blocked' where id = %s", [job_id])


def test_the_summary_counts_files_by_what_became_of_them(connection: Connection) -> None:
    worker = SqlWorker(connection)
    enqueue(connection)
    worker.work_all(tree(4))
    job_id = enqueue(connection)
    files = [
        Found("file00000.py"),
        Found("file00001.py", mtime_ns=2),
        Found("new.py", size=30),
        Found("large.bin", 9_999_999, 1, "oversized", "9.5 MiB"),
    ]
    worker.work_all(files)
    summary = value(connection, "select summary from pgdex.job_status where job_id = %s", job_id)
    seconds = summary.pop("seconds")
    assert summary.pop("duration_seconds") >= 0
    summary.pop("files_per_second")
    assert summary.pop("bytes_per_second") >= 0
    assert summary == {
        "files_found": 4,
        "files_indexed": 2,
        "files_unchanged": 1,
        "files_skipped": 1,
        "skipped_by_reason": {"oversized": 1},
        "files_deleted": 2,
        "files_kept": 0,
        "kept_by_reason": {},
        "files_outdated": 0,
        "ignored": {"entries": 0, "rules": []},
        "chunks_created": 2,
        "bytes_indexed": 40,
        "embedder": "test-model",
        "is_first": False,
    }
    assert seconds == {
        "scanning": 0.25,
        "reading": 0.1,
        "chunking": 0.2,
        "embedding": 0.3,
        "writing": 0.4,
        "finishing": 0.5,
    }
    stored = connection.execute("select path, skip_reason from pgdex.files order by path").fetchall()
    assert stored == [("file00000.py", None), ("file00001.py", None), ("large.bin", "oversized"), ("new.py", None)]


def test_no_counter_goes_back(connection: Connection) -> None:
    worker = SqlWorker(connection)
    job_id = enqueue(connection)
    worker.work(tree(6))
    worker.complete(worker.take(), unchanged=1)
    worker.complete(worker.take(), skipped=1)
    for counter in (
        "files_scanned",
        "files_indexed",
        "files_skipped",
        "files_unchanged",
        "files_done",
        "chunks_created",
        "bytes_done",
        "progress_floor",
    ):
        with refused(ILLEGAL_CHANGE, saying="cannot go back"):
            connection.execute(f"update pgdex.indexing_jobs set {counter} = {counter} - 1 where id = %s", [job_id])


def test_files_indexed_never_exceed_files_scanned(connection: Connection) -> None:
    job_id = job_in(connection, "running")
    with refused("23514", saying="files"):
        connection.execute(
            "update pgdex.indexing_jobs set files_scanned = 5, files_indexed = 6 where id = %s", [job_id]
        )


def test_a_job_stays_the_one_it_is(connection: Connection) -> None:
    job_id = job_in(connection, "running")
    for change in ("id = gen_random_uuid()", "repo_path = '/other'", "project_id = 'other'", "created_at = now()"):
        with refused(ILLEGAL_CHANGE, saying="cannot change"):
            connection.execute(f"update pgdex.indexing_jobs set {change} where id = %s", [job_id])


@pytest.mark.parametrize("status", STATUSES)
def test_only_jobs_that_have_ended_can_be_deleted(connection: Connection, status: str) -> None:
    job_id = job_in(connection, status)
    delete = "delete from pgdex.indexing_jobs where id = %s"
    if status in FINAL:
        connection.execute(delete, [job_id])
        assert value(connection, "select count(*) from pgdex.job_events") == 0
        return
    with refused(ILLEGAL_CHANGE, saying="pgdex.cancel_job"):
        connection.execute(delete, [job_id])
    for table in ("views", "repositories"):
        with refused(ILLEGAL_CHANGE):
            connection.execute(f"delete from pgdex.{table}")


def test_a_second_live_job_of_a_view_is_impossible_even_by_insert(connection: Connection) -> None:
    job_id = job_in(connection, "running")
    with refused("23505", saying="indexing_jobs_one_live_per_view"):
        connection.execute(
            "insert into pgdex.indexing_jobs (view_id, project_id, repo_path)"
            " select view_id, project_id, repo_path from pgdex.indexing_jobs where id = %s",
            [job_id],
        )


# Admission by hand

WAITING_FOR_ADMISSION = """
    select count(*) from pg_locks where locktype = 'transactionid' and not granted
"""


def test_a_new_job_cannot_bring_its_own_admission(connection: Connection) -> None:
    job_id = job_in(connection, "cancelled")
    for column, content in (("admitted_at", "now()"), ("files_to_index", "7"), ("batches_left", "-1")):
        with refused(ILLEGAL_CHANGE, saying="a new job"):
            connection.execute(
                f"insert into pgdex.indexing_jobs (view_id, project_id, repo_path, {column})"
                f" select view_id, project_id, repo_path, {content} from pgdex.indexing_jobs where id = %s",
                [job_id],
            )


def test_nobody_is_admitted_by_hand_beyond_the_limit(connection: Connection) -> None:
    jobs = [enqueue(connection, f"/repo{number}") for number in range(4)]
    admit = "update pgdex.indexing_jobs set admitted_at = now() where id = %s"
    with refused(ILLEGAL_CHANGE, saying="no more than max_concurrent_jobs (3) run at once"):
        connection.execute(admit, [jobs[3]])
    connection.execute("update pgdex.indexing_jobs set admitted_at = null where id = %s", [jobs[0]])
    connection.execute(admit, [jobs[3]])
    with refused(ILLEGAL_CHANGE, saying="max_concurrent_jobs (3)"):
        connection.execute(admit, [jobs[0]])


def test_two_who_admit_by_hand_at_the_same_time_do_not_pass_the_limit(
    connection: Connection, database_url: str
) -> None:
    connection.execute("select pgdex.set_setting('max_concurrent_jobs', '2')")
    for number in range(3):
        enqueue(connection, f"/repo{number}")
    connection.execute("update pgdex.indexing_jobs set admitted_at = null where repo_path = '/repo1'")
    admit = "update pgdex.indexing_jobs set admitted_at = now() where repo_path = %s"

    def admit_elsewhere() -> str | None:
        with connect(settings_for(database_url)) as other:
            try:
                other.execute(admit, ["/repo2"])
            except psycopg.Error as error:
                return error.sqlstate
        return None

    with ThreadPoolExecutor(1) as pool:
        with connection.transaction():
            connection.execute(admit, ["/repo1"])
            second = pool.submit(admit_elsewhere)
            wait_for(lambda: value(connection, WAITING_FOR_ADMISSION), what="the other session")
        assert second.result() == ILLEGAL_CHANGE
    assert value(connection, "select count(*) from pgdex.indexing_jobs where admitted_at is not null") == 2


def test_a_job_that_was_not_admitted_cannot_start(connection: Connection) -> None:
    jobs = [enqueue(connection, f"/repo{number}") for number in range(4)]
    with refused(ILLEGAL_CHANGE, saying="its turn to be admitted has not come"):
        set_status(connection, jobs[3], "running")
    set_status(connection, jobs[0], "running")


@pytest.mark.parametrize("status", ["running", "blocked"])
def test_nobody_changes_by_hand_whether_a_job_that_has_started_has_a_place(connection: Connection, status: str) -> None:
    job_id = job_in(connection, status)
    for moment in ("null", "now() - interval '1 day'")[status == "blocked" :]:
        with refused(ILLEGAL_CHANGE, saying="when it was admitted cannot change"):
            connection.execute(f"update pgdex.indexing_jobs set admitted_at = {moment} where id = %s", [job_id])


def test_a_blocked_job_cannot_go_on_beyond_the_limit(connection: Connection) -> None:
    job_id = job_in(connection, "blocked")
    others = [enqueue(connection, f"/other{number}") for number in range(3)]
    with refused(ILLEGAL_CHANGE, saying="no more than max_concurrent_jobs (3) run at once"):
        set_status(connection, job_id, "running")
    connection.execute("select pgdex.cancel_job(%s)", [others[0]])
    set_status(connection, job_id, "running")


def test_a_limit_that_is_lowered_at_that_moment_lets_nobody_in_and_fails_nobody(connection: Connection) -> None:
    """admit_jobs has read the limit, and guard_job reads a lower one: the caller is not the one to be told."""
    connection.execute(
        "create or replace function pgdex.setting(p_name text, p_default text) returns text language plpgsql volatile"
        " set search_path = pgdex, pg_temp as $$"
        " begin return case when pg_trigger_depth() > 0 then '1' else '3' end; end $$"
    )
    for number in range(3):
        enqueue(connection, f"/repo{number}")
    assert value(connection, "select count(*) from pgdex.indexing_jobs where admitted_at is not null") == 1
    connection.execute("update pgdex.indexing_jobs set admitted_at = null")
    assert value(connection, "select pgdex.admit_jobs()") == 1


# What else may not go back


def test_what_a_job_has_to_do_does_not_shrink(connection: Connection) -> None:
    worker = SqlWorker(connection)
    job_id = enqueue(connection)
    worker.work(tree(6))
    with refused(ILLEGAL_CHANGE, saying="cannot go back"):
        connection.execute("update pgdex.indexing_jobs set files_to_index = files_to_index - 1 where id = %s", [job_id])
    connection.execute("update pgdex.indexing_jobs set files_deleted = 2 where id = %s", [job_id])
    with refused(ILLEGAL_CHANGE, saying="cannot go back"):
        connection.execute("update pgdex.indexing_jobs set files_deleted = 1 where id = %s", [job_id])


@pytest.mark.parametrize("change", ["batches_left = 4", "batches_left = -1", "scanned_at = null, batches_left = 9"])
def test_the_batches_of_a_planned_job_only_get_fewer(connection: Connection, change: str) -> None:
    worker = SqlWorker(connection)
    job_id = enqueue(connection)
    with refused(ILLEGAL_CHANGE, saying="batches_left"):
        connection.execute("update pgdex.indexing_jobs set batches_left = -1 where id = %s", [job_id])
    worker.work(tree(6))
    assert value(connection, "select batches_left from pgdex.indexing_jobs") == 3
    with refused(ILLEGAL_CHANGE, saying="batches_left can go down to 0 and not up"):
        connection.execute(f"update pgdex.indexing_jobs set {change} where id = %s", [job_id])
    worker.work_all(tree(6))
    assert status_of(connection, job_id) == "completed"


@pytest.mark.parametrize("table", ["indexing_jobs", "job_batches", "job_events"])
@pytest.mark.parametrize("more", ["", " cascade"])
def test_truncate_is_refused(connection: Connection, table: str, more: str) -> None:
    job_in(connection, "completed")
    with refused(ILLEGAL_CHANGE, saying="cannot be emptied with TRUNCATE"):
        connection.execute(
            f"truncate pgdex.indexing_jobs, pgdex.job_batches, pgdex.job_events, pgdex.kept_embeddings{more}"
        )
    with refused(ILLEGAL_CHANGE if table != "indexing_jobs" or more else "0A000"):
        connection.execute(f"truncate pgdex.{table}{more}")
    assert value(connection, f"select count(*) from pgdex.{table}") > 0


def test_truncate_of_what_jobs_belong_to_is_refused_too(connection: Connection) -> None:
    job_in(connection, "running")
    with refused(ILLEGAL_CHANGE, saying="cannot be emptied with TRUNCATE"):
        connection.execute("truncate pgdex.repositories cascade")
