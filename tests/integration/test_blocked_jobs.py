"""Jobs that wait for their embedding service: who asks it, how often, and how the waiting ends."""

import time
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest

from pgdex.jobs.client.client import Client
from pgdex.jobs.database.connection import connect
from tests.support.databases import settings_for
from tests.support.embedding_server import EmbeddingServer
from tests.support.job_checks import value
from tests.support.trees import python_tree
from tests.support.waiting import wait_for, wait_for_end
from tests.support.workers import Workers

WAITING = (
    "select distinct application_name from pg_stat_activity"
    " where datname = current_database() and wait_event_type = 'Lock'"
)


@pytest.fixture
def configuration(service_configuration: dict[str, object]) -> dict[str, object]:
    return {**service_configuration, "batch_files": 4}


def has_begun(client: Client, job: UUID) -> bool:
    return client.status(job).files_indexed >= 4


def is_blocked(client: Client, job: UUID) -> bool:
    return client.status(job).status == "blocked"


def blocked_jobs(
    client: Client,
    service: EmbeddingServer,
    folder: Path,
    *,
    count: int,
    fault: str,
    retry_after: str | None = None,
) -> list[UUID]:
    """Let `count` jobs run, then let the service misbehave, until all are blocked."""
    service.fail("slow", latency_ms=100)
    jobs = [client.start(python_tree(folder / f"repository_{number}", 60)).job_id for number in range(count)]
    for job in jobs:
        wait_for(partial(has_begun, client, job), what="a first part of the job")
    service.fail(fault, retry_after=retry_after)
    for job in jobs:
        wait_for(partial(is_blocked, client, job), what="a blocked job")
    return jobs


def test_one_probe_asks_for_all_jobs_that_wait_for_the_same_service_and_all_go_on(
    client: Client, workers: Workers, service: EmbeddingServer, tmp_path: Path
) -> None:
    workers.start(3)
    workers.wait_until_alive(3)
    jobs = blocked_jobs(client, service, tmp_path, count=3, fault="overloaded")
    service.reset_counts()

    time.sleep(8)

    assert 1 <= service.counts().calls <= 4, "after 1, 2, 4 seconds, not that for each of three jobs and workers"
    service.recover()
    ended = [wait_for_end(client, job, workers=workers) for job in jobs]
    assert [status.status for status in ended] == ["completed"] * 3


def test_the_service_is_left_alone_for_as_long_as_it_asked_to_be(
    client: Client, workers: Workers, service: EmbeddingServer, tmp_path: Path
) -> None:
    workers.start()
    (job,) = blocked_jobs(client, service, tmp_path, count=1, fault="overloaded", retry_after="5")
    status = client.status(job)
    assert status.blocked_since is not None
    assert status.next_probe_at is not None
    assert status.next_probe_at - status.blocked_since >= timedelta(seconds=4.9)
    assert "5" in (status.blocked_reason or "")
    service.reset_counts()
    first = status.next_probe_at

    wait_for(lambda: service.counts().calls == 1, what="the first probe", seconds=10)

    wait_for(lambda: client.status(job).next_probe_at != first, what="the next date", seconds=2)
    after = client.status(job)
    assert after.next_probe_at is not None
    assert after.next_probe_at - first >= timedelta(seconds=4.9), "it said so again"
    service.recover()
    assert wait_for_end(client, job, workers=workers).status == "completed"


def test_a_job_that_waits_for_too_long_is_given_up_with_the_reason(
    client: Client, workers: Workers, service: EmbeddingServer, tmp_path: Path
) -> None:
    workers.environment["PGDEX_BLOCKED_TIMEOUT"] = "2"
    workers.start()
    (job,) = blocked_jobs(client, service, tmp_path, count=1, fault="down")

    status = wait_for_end(client, job, workers=workers)

    assert status.status == "failed"
    assert "gave up after" in (status.error_message or "")
    assert status.error_type == "EmbedderUnavailable"
    assert status.files_indexed >= 4, "what was done is kept"


def test_a_service_that_comes_back_with_an_invalid_response_ends_the_wait_with_a_clear_failure(
    client: Client, workers: Workers, service: EmbeddingServer, tmp_path: Path
) -> None:
    workers.start()
    (job,) = blocked_jobs(client, service, tmp_path, count=1, fault="down")

    service.fail("wrong_dimension")

    status = wait_for_end(client, job, workers=workers)
    assert (status.status, status.error_type) == ("failed", "InvalidEmbedderResponse")


def test_a_job_that_was_blocked_before_it_knew_its_model_goes_on_like_any_other(
    client: Client, workers: Workers, service: EmbeddingServer, tmp_path: Path
) -> None:
    """Plain SQL names no embedder; the worker's default counts, and its first try is in the scan."""
    service.fail("down")
    workers.start()
    trees = [python_tree(tmp_path / f"repository_{number}", 8) for number in range(2)]
    jobs = [job_by_sql(client, tree) for tree in trees]
    for job in jobs:
        wait_for(partial(is_blocked, client, job), what="a blocked job")
    assert [client.status(job).embedder for job in jobs] == [None, None]

    service.recover()

    assert [wait_for_end(client, job, workers=workers).status for job in jobs] == ["completed"] * 2


def test_a_service_that_asks_to_be_left_alone_for_longer_than_the_job_may_wait_does_not_keep_it_alive(
    client: Client, workers: Workers, service: EmbeddingServer, tmp_path: Path
) -> None:
    workers.environment["PGDEX_BLOCKED_TIMEOUT"] = "4"
    workers.start()
    (job,) = blocked_jobs(client, service, tmp_path, count=1, fault="rate_limited", retry_after="100000")
    started = time.monotonic()

    status = wait_for_end(client, job, workers=workers)

    assert status.status == "failed"
    assert "gave up after" in (status.error_message or "")
    assert time.monotonic() - started < 12


def test_a_service_that_hangs_is_asked_by_one_worker_at_a_time_and_sigterm_does_not_wait_for_it(
    client: Client, workers: Workers, service: EmbeddingServer, tmp_path: Path
) -> None:
    workers.environment["PGDEX_EMBEDDER_TIMEOUT"] = "8"
    workers.start(3)
    workers.wait_until_alive(3)
    blocked_jobs(client, service, tmp_path, count=1, fault="overloaded")
    in_progress = "select count(*) from pgdex.job_batches where state = 'running'"
    wait_for(lambda: client.connection.execute(in_progress).fetchone() == (0,), what="the others to notice it too")
    service.fail("hang")
    service.reset_counts()

    time.sleep(7)

    assert service.counts().calls == 1
    started = time.monotonic()
    for process in workers.processes:
        process.terminate()
    assert [process.wait(10) for process in workers.processes] == [0, 0, 0]
    assert time.monotonic() - started < 4


def job_by_sql(client: Client, tree: Path) -> UUID:
    row = client.connection.execute("select pgdex.enqueue_job(%s)", [str(tree)]).fetchone()
    assert row is not None
    return UUID(str(row[0]))


def test_a_blocked_job_can_be_cancelled_and_its_repository_indexed_again(
    client: Client, workers: Workers, service: EmbeddingServer, tmp_path: Path
) -> None:
    workers.start()
    (job,) = blocked_jobs(client, service, tmp_path, count=1, fault="down")

    assert client.cancel(job).previous_status == "blocked"

    service.recover()
    again = client.start(tmp_path / "repository_0")
    assert not again.already_running
    status = wait_for_end(client, again.job_id, workers=workers)
    assert (status.status, status.files_indexed + status.files_unchanged) == ("completed", 60)
    assert status.files_unchanged == client.status(job).files_indexed


def test_a_blocked_job_that_someone_has_locked_does_not_keep_the_workers_heart_from_beating(
    client: Client, workers: Workers, service: EmbeddingServer, tmp_path: Path, database_url: str
) -> None:
    workers.start()
    (job,) = blocked_jobs(client, service, tmp_path, count=1, fault="down")
    asked = "select probe_number from pgdex.indexing_jobs where id = %s"
    with connect(settings_for(database_url)) as psql:
        before = value(psql, asked, job)
        service.fail("slow", latency_ms=1500)
        wait_for(lambda: value(psql, asked, job) != before, what="a worker that asks the service")
        psql.execute("begin")
        psql.execute("select from pgdex.indexing_jobs where id = %s for update", [job])
        waiting: set[str] = set()
        wait_for(lambda: waiting_for_locks(client, waiting) >= {"pgdex probe"}, what="a probe that waits for the job")
        end = time.monotonic() + 2
        while time.monotonic() < end:
            waiting_for_locks(client, waiting)
        assert waiting == {"pgdex probe"}
        service.recover()
        psql.execute("rollback")
    assert wait_for_end(client, job, workers=workers).status == "completed"


def waiting_for_locks(client: Client, seen: set[str]) -> set[str]:
    """Adds the names of the sessions that wait for a lock now to those that were seen before."""
    seen.update(str(row[0]) for row in client.connection.execute(WAITING).fetchall())
    return seen
