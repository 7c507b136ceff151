"""Several worker processes on one queue: sharing, stopping, dying, waiting."""

import signal
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pgdex.indexer.search import SearchRequest, search
from pgdex.jobs.client.client import Client
from pgdex.jobs.client.workers import known_workers, living_workers
from pgdex.jobs.embedders import embedder_for
from pgdex.jobs.errors import JobIsFinal
from tests.support.embedding_server import EmbeddingServer
from tests.support.index_digest import assert_index_is_sound, index_digest
from tests.support.trees import python_tree
from tests.support.waiting import wait_for, wait_for_end
from tests.support.workers import Workers


@pytest.fixture
def configuration(service_configuration: dict[str, object]) -> dict[str, object]:
    return {**service_configuration, "batch_files": 8}


def slow(service: EmbeddingServer, milliseconds: int = 150) -> None:
    service.fail("slow", latency_ms=milliseconds)


def files_done(client: Client, job_id: object) -> int:
    return client.status(str(job_id)).files_indexed


def test_the_batches_of_one_job_spread_over_all_workers(
    client: Client, workers: Workers, service: EmbeddingServer, tmp_path: Path
) -> None:
    workers.start(3)
    wait_for(lambda: len(living_workers(client.connection)) == 3, what="three workers")
    slow(service)
    job = client.start(python_tree(tmp_path / "repository", 120))
    wait_for_end(client, job.job_id, workers=workers)

    busy = client.connection.execute(
        "select count(distinct worker_id) from pgdex.job_batches where kind = 'index'"
    ).fetchone()
    assert busy == (3,)


def test_a_killed_workers_batches_are_done_by_a_peer_and_nothing_twice(
    client: Client, workers: Workers, service: EmbeddingServer, tmp_path: Path
) -> None:
    tree = python_tree(tmp_path / "repository", 160)
    workers.start(2)
    slow(service)
    job = client.start(tree)
    wait_for(lambda: files_done(client, job.job_id) >= 24, what="a first part of the job")
    workers.kill(workers.processes[0])

    status = wait_for_end(client, job.job_id, workers=workers)

    assert status.status == "completed"
    assert status.files_indexed == 160
    assert_index_is_sound(client.connection)
    repeated = service.counts().repeated_texts
    largest_batch = max(8 * row[0] for row in client.connection.execute("select max(chunks) from pgdex.files"))
    assert repeated <= 2 * largest_batch + 10, "more than the dead worker's batch was embedded twice"
    interrupted = index_digest(client.connection)
    service.recover()
    wait_for_end(client, client.start(tree, force=True).job_id, workers=workers)
    assert index_digest(client.connection) == interrupted


def test_when_all_workers_die_the_job_goes_on_with_the_next_one(
    client: Client, workers: Workers, service: EmbeddingServer, tmp_path: Path
) -> None:
    workers.start(2)
    slow(service)
    job = client.start(python_tree(tmp_path / "repository", 100))
    wait_for(lambda: files_done(client, job.job_id) >= 16, what="a first part of the job")
    for process in workers.processes:
        workers.kill(process)
    before = client.status(job.job_id)
    assert before.status == "running"
    service.recover()
    workers.start()

    status = wait_for_end(client, job.job_id, workers=workers)

    assert (status.status, status.files_indexed) == ("completed", 100)


def test_progress_never_goes_back_even_when_workers_die(
    client: Client, workers: Workers, service: EmbeddingServer, tmp_path: Path
) -> None:
    workers.start(2)
    slow(service)
    job = client.start(python_tree(tmp_path / "repository", 120))
    seen = [0.0]
    killed = False
    while not (status := client.status(job.job_id)).is_final:
        seen.append(status.progress_percentage)
        if status.files_indexed >= 40 and not killed:
            workers.kill(workers.processes[0])
            killed = True
        time.sleep(0.01)

    assert killed
    assert seen == sorted(seen)
    shown = [
        event.event_data["progress_percentage"]
        for event in client.events(job.job_id)
        if "progress_percentage" in event.event_data
    ]
    assert shown == sorted(shown)
    assert len(shown) > 3


def test_cancelling_stops_the_work_and_keeps_what_was_done(
    client: Client, workers: Workers, service: EmbeddingServer, tmp_path: Path
) -> None:
    tree = python_tree(tmp_path / "repository", 160)
    workers.start(2)
    slow(service, 300)
    job = client.start(tree)
    wait_for(lambda: files_done(client, job.job_id) >= 16, what="a first part of the job")

    cancelled = client.cancel(job.job_id)

    assert cancelled.previous_status == "running"
    wake_ups = "select count(*) from pgdex.procrastinate_jobs"
    wait_for(lambda: client.connection.execute(wake_ups).fetchone() == (0,), what="idle workers", seconds=5)
    status = client.status(job.job_id)
    assert status.status == "cancelled"
    assert_index_is_sound(client.connection)
    done = status.files_indexed
    stored = client.connection.execute("select count(*) from pgdex.files where chunks > 0").fetchone()
    assert stored == (done,)
    with pytest.raises(JobIsFinal, match="already cancelled"):
        client.cancel(job.job_id)
    service.recover()
    again = wait_for_end(client, client.start(tree).job_id, workers=workers)
    assert again.files_indexed + again.files_unchanged == 160
    assert again.files_unchanged >= done


def test_a_small_job_is_not_stuck_behind_a_large_one(
    client: Client, workers: Workers, service: EmbeddingServer, tmp_path: Path
) -> None:
    workers.start(2)
    slow(service, 100)
    large = client.start(python_tree(tmp_path / "large", 400))
    wait_for(lambda: files_done(client, large.job_id) >= 16, what="a first part of the large job")
    small = client.start(python_tree(tmp_path / "small", 24))

    ended = wait_for_end(client, small.job_id, workers=workers)

    assert ended.status == "completed"
    assert files_done(client, large.job_id) < 300
    client.cancel(large.job_id)


def test_the_fourth_job_waits_and_starts_by_itself(
    client: Client, workers: Workers, service: EmbeddingServer, tmp_path: Path
) -> None:
    workers.start(2)
    slow(service, 200)
    jobs = [client.start(python_tree(tmp_path / f"repository_{n}", 40)).job_id for n in range(4)]
    wait_for(
        lambda: [client.status(job).status for job in jobs] == ["running"] * 3 + ["pending"], what="three running jobs"
    )
    assert "its turn" in client.status(jobs[3]).progress_message

    ended = [wait_for_end(client, job, workers=workers) for job in jobs]

    assert [status.status for status in ended] == ["completed"] * 4
    first_end = min(status.completed_at or datetime.max.replace(tzinfo=UTC) for status in ended[:3])
    assert ended[3].started_at is not None
    assert ended[3].started_at >= first_end


def test_an_outage_of_the_embedding_service_blocks_the_job_until_it_is_over(
    client: Client, workers: Workers, service: EmbeddingServer, tmp_path: Path
) -> None:
    workers.start(2)
    slow(service, 100)
    job = client.start(python_tree(tmp_path / "repository", 80))
    wait_for(lambda: files_done(client, job.job_id) >= 8, what="a first part of the job")
    service.fail("down")
    wait_for(lambda: client.status(job.job_id).status == "blocked", what="a blocked job")
    blocked = client.status(job.job_id)
    assert blocked.blocked_reason
    assert blocked.next_probe_at is not None
    service.recover()

    status = wait_for_end(client, job.job_id, workers=workers)

    assert (status.status, status.files_indexed) == ("completed", 80)
    types = [event.event_type for event in client.events(job.job_id)]
    assert types.index("blocked") < types.index("resumed") < types.index("completed")


@pytest.mark.parametrize("fault", ["wrong_dimension", "nan", "too_few", "not_json", "unauthorized"])
def test_an_invalid_response_from_the_embedding_service_fails_the_job_clearly(
    client: Client, workers: Workers, service: EmbeddingServer, tmp_path: Path, fault: str
) -> None:
    slow(service, 100)
    job = client.start(python_tree(tmp_path / "repository", 80))
    workers.start()
    wait_for(lambda: files_done(client, job.job_id) >= 8, what="a first part of the job")
    service.fail(fault)

    status = wait_for_end(client, job.job_id, workers=workers)

    assert status.status == "failed"
    assert status.error_type in {"InvalidEmbedderResponse", "EmbedderMisconfigured"}
    assert status.error_message
    assert "Traceback" in (status.error_traceback or "")


def test_sigterm_ends_a_worker_with_exit_code_0_and_its_batch_goes_on_elsewhere(
    client: Client, workers: Workers, service: EmbeddingServer, tmp_path: Path
) -> None:
    slow(service, 200)
    job = client.start(python_tree(tmp_path / "repository", 60))
    (first,) = workers.start()
    wait_for(lambda: files_done(client, job.job_id) >= 8, what="a first part of the job")
    first.send_signal(signal.SIGTERM)
    assert first.wait(15) == 0
    service.recover()
    workers.start()

    assert wait_for_end(client, job.job_id, workers=workers).files_indexed == 60


def test_a_stopped_worker_that_wakes_up_changes_nothing(
    client: Client, workers: Workers, service: EmbeddingServer, tmp_path: Path
) -> None:
    tree = python_tree(tmp_path / "repository", 100)
    workers.start(2)
    workers.wait_until_alive(2)
    slow(service, 1000)
    job = client.start(tree)
    stopped = workers.processes[0].pid
    wait_for(
        lambda: any(w.pid == stopped and w.batches for w in living_workers(client.connection)),
        what="a batch in its hand",
    )
    workers.pause(workers.processes[0])
    try:
        wait_for(
            lambda: "reclaimed" in [event.event_type for event in client.events(job.job_id)],
            what="a peer that takes over",
            seconds=20,
        )
        service.recover()
        status = wait_for_end(client, job.job_id, workers=workers)
    finally:
        workers.wake(workers.processes[0])
    assert (status.status, status.files_indexed) == ("completed", 100)
    digest = index_digest(client.connection)
    time.sleep(2)
    assert_index_is_sound(client.connection)
    assert index_digest(client.connection) == digest
    again = wait_for_end(client, client.start(tree, force=True).job_id, workers=workers)
    assert again.status == "completed"


def test_workers_that_were_all_stopped_at_once_as_in_a_suspended_machine_keep_their_batches(
    client: Client, workers: Workers, service: EmbeddingServer, tmp_path: Path
) -> None:
    workers.start(3)
    workers.wait_until_alive(3)
    slow(service, 1000)
    job = client.start(python_tree(tmp_path / "repository", 60))
    wait_for(lambda: files_done(client, job.job_id) >= 8, what="a first part of the job")
    for process in workers.processes:
        workers.pause(process)
    time.sleep(7)
    for process in workers.processes:
        workers.wake(process)
    slow(service)

    assert wait_for_end(client, job.job_id, workers=workers).files_indexed == 60
    assert "reclaimed" not in [event.event_type for event in client.events(job.job_id)]


def test_plain_sql_starts_and_cancels_a_job(
    client: Client, workers: Workers, service: EmbeddingServer, tmp_path: Path
) -> None:
    tree = python_tree(tmp_path / "repository", 40)
    workers.start()
    row = client.connection.execute("select pgdex.enqueue_job(%s)", [str(tree)]).fetchone()
    assert row is not None
    assert wait_for_end(client, row[0], workers=workers).status == "completed"
    slow(service, 500)
    row = client.connection.execute("select pgdex.enqueue_job(%s, force => true)", [str(tree)]).fetchone()
    assert row is not None
    wait_for(lambda: client.status(row[0]).status == "running", what="a running job")

    assert client.connection.execute("select pgdex.cancel_job(%s)", [row[0]]).fetchone() == ("running",)

    assert client.status(row[0]).status == "cancelled"
    hits = search(
        client.connection,
        SearchRequest("run_7", project_id="default"),
        open_embedder=lambda spec: embedder_for(spec, client.settings),
    ).hits
    assert hits[0].path == "package_0/module_7.py"


def test_lost_tokens_are_queued_again(
    client: Client, workers: Workers, service: EmbeddingServer, tmp_path: Path
) -> None:
    slow(service)
    job = client.start(python_tree(tmp_path / "repository", 60))
    workers.start()
    wait_for(lambda: files_done(client, job.job_id) >= 8, what="a first part of the job")
    client.connection.execute("delete from pgdex.procrastinate_jobs where status = 'todo'")

    assert wait_for_end(client, job.job_id, workers=workers).files_indexed == 60


def test_a_worker_that_was_evicted_while_its_session_was_broken_works_again(
    client: Client, workers: Workers, tmp_path: Path
) -> None:
    workers.start()
    workers.wait_until_alive(1)
    (before,) = [worker.id for worker in known_workers(client.connection)]
    client.connection.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = %s", [f"pgdex worker {before}"]
    )
    client.connection.execute("delete from pgdex.procrastinate_workers where id = %s", [before])
    wait_for(lambda: [w.id for w in living_workers(client.connection)] not in ([], [before]), what="a new number")

    job = client.start(python_tree(tmp_path / "repository", 10))

    assert wait_for_end(client, job.job_id, workers=workers).files_indexed == 10
    assert workers.processes[0].poll() is None


def test_the_number_of_jobs_at_once_that_a_worker_is_given_becomes_the_clusters_and_others_leave_it(
    client: Client, workers: Workers, tmp_path: Path
) -> None:
    stored = "select value from pgdex.settings where name = 'max_concurrent_jobs'"
    assert client.connection.execute(stored).fetchone() in (None, ("3",))
    workers.environment["PGDEX_MAX_CONCURRENT_JOBS"] = "5"
    workers.start()

    wait_for(lambda: client.connection.execute(stored).fetchone() == ("5",), what="the cluster's setting")

    del workers.environment["PGDEX_MAX_CONCURRENT_JOBS"]
    workers.kill(workers.processes[0])
    workers.start()
    job = client.start(python_tree(tmp_path / "repository", 8))
    assert wait_for_end(client, job.job_id, workers=workers).status == "completed"
    assert client.connection.execute(stored).fetchone() == ("5",)


def test_a_workers_setting_says_how_many_jobs_the_cluster_runs_at_once(
    client: Client, workers: Workers, service: EmbeddingServer, tmp_path: Path
) -> None:
    workers.environment["PGDEX_MAX_CONCURRENT_JOBS"] = "1"
    workers.start(2)
    workers.wait_until_alive(2)
    slow(service)
    jobs = [client.start(python_tree(tmp_path / f"repository_{n}", 16)).job_id for n in range(2)]
    wait_for(lambda: client.status(jobs[0]).status == "running", what="a running job")
    assert client.status(jobs[1]).status == "pending"

    ended = [wait_for_end(client, job, workers=workers) for job in jobs]

    assert ended[0].completed_at is not None
    assert ended[1].started_at is not None
    assert ended[1].started_at >= ended[0].completed_at
