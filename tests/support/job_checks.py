"""Looks at jobs that tests share: what a job's row and history say, and how a refusal reads."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
import pytest

from pgdex.jobs.database.connection import Connection
from tests.support.sql_worker import SqlWorker, enqueue

STATUSES = ("pending", "running", "completed", "failed", "cancelled", "blocked")
FINAL = ("completed", "failed", "cancelled")
ILLEGAL_CHANGE = "PX002"
# What the constraints ask for in each status, so that a refusal is about the transition and nothing else.
TO_STATUS = """
    update pgdex.indexing_jobs set status = %(status)s::text,
        error_message = case when %(status)s = 'failed' then 'no good' else error_message end,
        error_type = case when %(status)s = 'failed' then 'SomeError' else error_type end,
        blocked_reason = case when %(status)s = 'blocked' then 'service is away' else blocked_reason end,
        next_probe_at = case when %(status)s = 'blocked' then now() else next_probe_at end,
        summary = case when %(status)s = 'completed' then %(summary)s::jsonb else summary end
    where id = %(id)s
"""
SUMMARY = {
    "files_found": 0,
    "files_indexed": 0,
    "files_unchanged": 0,
    "files_skipped": 0,
    "skipped_by_reason": {},
    "files_deleted": 0,
    "chunks_created": 0,
    "duration_seconds": 1.0,
    "seconds": {},
}


@contextmanager
def refused(sqlstate: str, *, saying: str = "") -> Iterator[None]:
    """The block fails with that SQLSTATE and a message that contains `saying`."""
    with pytest.raises(psycopg.Error) as caught:
        yield
    assert (caught.value.sqlstate, saying in str(caught.value)) == (sqlstate, True), str(caught.value)


def set_status(connection: Connection, job_id: UUID, status: str) -> None:
    """An UPDATE as someone might type it in psql."""
    connection.execute(TO_STATUS, {"id": job_id, "status": status, "summary": json.dumps(SUMMARY)})


def job_in(connection: Connection, status: str, repo_path: str = "/repo") -> UUID:
    """A job that got into `status` the way that jobs do."""
    job_id = enqueue(connection, repo_path)
    if status == "pending":
        return job_id
    if status == "cancelled":
        connection.execute("select pgdex.cancel_job(%s)", [job_id])
        return job_id
    worker = SqlWorker(connection)
    claim = worker.take()
    if status == "completed":
        worker.plan(claim, [])
        worker.drop(claim.wake_up)
        worker.work_all([])
    elif status == "failed":
        connection.execute("select pgdex.fail_job(%s, 'no good', 'SomeError', 'Traceback: …')", [job_id])
    elif status == "blocked":
        assert worker.release(claim)
        connection.execute("select pgdex.block_job(%s, 'service is away')", [job_id])
    assert value(connection, "select status from pgdex.indexing_jobs where id = %s", job_id) == status
    return job_id


def value(connection: Connection, query: str, *parameters: object) -> Any:
    """The first column of the first row."""
    row = connection.execute(query, parameters).fetchone()
    assert row is not None
    return row[0]


def events_of(connection: Connection, job_id: UUID) -> list[str]:
    """The types of a job's events, oldest first."""
    rows = connection.execute(
        "select event_type from pgdex.job_events where job_id = %s order by id", [job_id]
    ).fetchall()
    return [row[0] for row in rows]


def status_of(connection: Connection, job_id: UUID) -> str:
    """A job's status."""
    return str(value(connection, "select status from pgdex.indexing_jobs where id = %s", job_id))


def admitted(connection: Connection) -> list[str]:
    """Paths of the live jobs that were let in, oldest first."""
    rows = connection.execute(
        "select repo_path from pgdex.indexing_jobs where admitted_at is not null"
        " and status in ('pending', 'running', 'blocked') order by created_at"
    ).fetchall()
    return [row[0] for row in rows]
