"""How a program waits for its job with `pgdex.connect()`: what ends the waiting, and what does not."""

import asyncio
import os
import time
from pathlib import Path

import psycopg
import pytest

import pgdex
from pgdex import errors
from pgdex.jobs.client.models import JobStatus
from tests.support.databases import backends
from tests.support.trees import python_tree
from tests.support.waiting import wait_for


def test_a_timeout_ends_the_waiting_and_not_the_job(database_url: str, tmp_path: Path) -> None:
    python_tree(tmp_path / "tree", count=1)
    with pgdex.connect(database_url, start_workers=False) as px:
        with pytest.raises(TimeoutError, match="continues in the background"):
            px.index(tmp_path / "tree", timeout=0.3)
        (job,) = px.list_jobs().jobs
        assert job.status == "pending"

        assert px.cancel(job.job_id).previous_status == "pending"
        with pytest.raises(errors.JobIsFinal):
            px.cancel(job.job_id)
        assert px.wait(job.job_id).status == "cancelled", "wait says how it ended"


def test_a_call_that_comes_behind_the_closing_of_its_iterator_leaves_no_connection(
    database_url: str, tmp_path: Path
) -> None:
    python_tree(tmp_path / "tree", count=1)
    with pgdex.connect(database_url, start_workers=False) as px:
        following = px.following(px.start(tmp_path / "tree").job_id, timeout=None)
        assert following.next() is not None
        following.close()
        with pytest.raises(errors.PgdexError, match="no longer followed"):
            following.next()
        wait_for(lambda: len(backends(database_url)) == 1, what="only the connection for calls")


def test_an_error_of_progress_is_raised_and_closes_the_connection(database_url: str, tmp_path: Path) -> None:
    python_tree(tmp_path / "tree", count=1)

    def failing(_: JobStatus) -> None:
        raise ZeroDivisionError

    async def main() -> None:
        async with pgdex.connect_async(database_url, start_workers=False) as px:
            with pytest.raises(ZeroDivisionError):
                await px.index(tmp_path / "tree", progress=failing)
            wait_for(lambda: len(backends(database_url)) == 1, what="only the connection for calls")

    with pgdex.connect(database_url, start_workers=False) as px:
        with pytest.raises(ZeroDivisionError) as raised:
            px.index(tmp_path / "tree", progress=failing)
        wait_for(lambda: len(backends(database_url)) == 1, what="only the connection for calls")
        assert raised.traceback, "it holds on to the frames"
    asyncio.run(main())


def test_a_job_that_was_cancelled_is_an_error_of_index(database_url: str, tmp_path: Path) -> None:
    python_tree(tmp_path / "tree", count=1)
    with pgdex.connect(database_url, start_workers=False) as px:

        def cancelling(job: JobStatus) -> None:
            if not job.is_final:
                px.cancel(job.job_id)

        with pytest.raises(errors.JobNotCompleted, match="has been cancelled") as raised:
            px.index(tmp_path / "tree", progress=cancelling)
        assert px.status(raised.value.job_id).status == raised.value.status == "cancelled"


def test_a_job_that_is_followed_survives_a_fork_on_both_sides(database_url: str, tmp_path: Path) -> None:
    python_tree(tmp_path / "tree", count=1)
    with pgdex.connect(database_url, start_workers=False) as px:
        job = px.start(tmp_path / "tree")
        statuses = px.follow(job.job_id)
        next(statuses)
        before = backends(database_url)
        assert len(before) == 2, "one for calls, one for the job"
        child = os.fork()
        if child == 0:
            code = 1
            try:
                code = 0 if next(statuses).status == "pending" else 2
                statuses.close()
            finally:
                os._exit(code)

        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert next(statuses).status == "pending"
        assert before <= backends(database_url), "the child has closed none of them"
        px.cancel(job.job_id)
        assert [status.status for status in statuses][-1] == "cancelled"


def test_waiting_goes_on_when_its_connection_is_cut(database_url: str, tmp_path: Path) -> None:
    python_tree(tmp_path / "tree", count=1)
    with pgdex.connect(database_url, start_workers=False) as px:
        job = px.start(tmp_path / "tree")
        statuses = px.follow(job.job_id)
        next(statuses)
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )

        assert next(statuses).status == "pending"
        px.cancel(job.job_id)
        assert [status.status for status in statuses][-1] == "cancelled"


def test_a_cancelled_task_stops_waiting_at_once_and_its_job_continues(database_url: str, tmp_path: Path) -> None:
    python_tree(tmp_path / "tree", count=1)

    async def main() -> None:
        px = await pgdex.connect_async(database_url, start_workers=False)
        started = await px.start(tmp_path / "tree")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(px.wait(started.job_id), 0.3)
        assert (await px.status(started.job_id)).status == "pending"
        await px.close()

    begun = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - begun < 30
    with psycopg.connect(database_url) as connection:
        others = "select from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        wait_for(lambda: not connection.execute(others).fetchone(), what="every connection to be closed")
