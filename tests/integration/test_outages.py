"""The database restarts, drops connections, has none left: workers and commands wait, reconnect, and go on."""

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import psutil
import psycopg
import pytest

from pgdex.jobs.client.client import Client
from pgdex.jobs.client.workers import known_workers, living_workers
from pgdex.jobs.database.connection import connect
from pgdex.jobs.database.schema import upgrade
from pgdex.jobs.worker.supervisor import STOP_SECONDS
from tests.chaos.server import ChaosServer
from tests.integration.cli.commands import Environment, ended, started
from tests.integration.cli.watched_jobs import listeners
from tests.support.databases import settings_for
from tests.support.embedding_server import EmbeddingServer
from tests.support.index_digest import assert_index_is_sound
from tests.support.trees import python_tree
from tests.support.waiting import wait_for, wait_for_end
from tests.support.workers import Workers

NewClient = Callable[[], Client]

LISTENERS = "select count(*) from pg_stat_activity where application_name = 'pgdex listener'"


@pytest.fixture
def server() -> Iterator[ChaosServer]:
    """A server of the test's own, to be restarted."""
    home = Path(tempfile.mkdtemp(prefix="pgdex-outage-", dir="/tmp"))
    home.chmod(0o755)
    try:
        with ChaosServer(home) as server:
            upgrade(settings_for(server.url))
            yield server
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def database_url(server: ChaosServer) -> str:
    return server.url


@pytest.fixture
def configuration(service_configuration: dict[str, object]) -> dict[str, object]:
    return {**service_configuration, "batch_files": 8}


@pytest.fixture
def new_client(database_url: str, configuration: dict[str, object]) -> NewClient:
    """A client of before an outage is of no use after it."""
    return partial(Client.open, settings_for(database_url, **configuration))


def test_an_immediate_restart_costs_no_work_and_no_process_and_commands_that_watch_go_on(
    server: ChaosServer,
    service: EmbeddingServer,
    workers: Workers,
    environment: Environment,
    new_client: NewClient,
    tmp_path: Path,
) -> None:
    service.fail("slow", latency_ms=150)
    workers.start(2)
    workers.wait_until_alive(2)
    with new_client() as client:
        job = client.start(python_tree(tmp_path / "repository", 240))
        wait_for(lambda: client.status(job.job_id).files_indexed >= 16, what="a first part of the job")
    with (
        started(environment, "status", str(job.job_id), "--watch", "--json") as watching,
        started(environment, "events", str(job.job_id), "--follow", "--json") as following,
        ExitStack() as stack,
    ):
        with new_client() as client:
            wait_for(lambda: listeners(client.connection) == 2, what="both commands, waiting for news")

        server.restart()

        client = stack.enter_context(new_client())
        status = wait_for_end(client, job.job_id, workers=workers)
        assert (status.status, status.files_indexed) == ("completed", 240)
        assert_index_is_sound(client.connection)
        assert [process.poll() for process in workers.processes] == [None, None], workers.logs()
        assert "reclaimed" not in [event.event_type for event in client.events(job.job_id)]
        # What was computed is committed when the database is back. Each of three processes has tried the model once.
        assert service.counts().repeated_texts <= 2
        wait_for(lambda: client.connection.execute(LISTENERS).fetchone() == (2,), what="two listeners", seconds=10)
        watched, followed = ended(watching), ended(following)
        assert (watched.code, followed.code) == (0, 0), watched.err + followed.err
        assert watched.json["status"] == "completed"
        events = [json.loads(line)["event_id"] for line in followed.out.splitlines()]
        assert events == [event.event_id for event in client.events(job.job_id)]


def test_a_command_that_indexes_survives_a_restart_of_the_database_and_ends_with_the_jobs_result(
    server: ChaosServer, service: EmbeddingServer, environment: Environment, new_client: NewClient, tmp_path: Path
) -> None:
    service.fail("slow", latency_ms=150)
    tree = python_tree(tmp_path / "repository", 160)
    with started(environment | {"PGDEX_PROCESSES": "2"}, "index", str(tree), "--json") as process:
        with new_client() as client:
            wait_for(lambda: [job for job in client.list_jobs().jobs if job.files_indexed >= 16], what="a first part")
        server.restart()
        done = ended(process)

    assert done.code == 0, done.err
    assert (done.json["status"], done.json["files_indexed"]) == ("completed", 160)
    assert done.err.count("The database does not answer") == done.err.count("The database is back.") >= 1
    with new_client() as client:
        assert [str(job.job_id) for job in client.list_jobs().jobs] == [done.json["job_id"]]
        assert_index_is_sound(client.connection)


def test_workers_wait_for_a_database_that_is_gone_for_long_and_stop_when_they_are_told_to(
    server: ChaosServer, service: EmbeddingServer, workers: Workers, new_client: NewClient, tmp_path: Path
) -> None:
    service.fail("slow", latency_ms=150)
    stopping, staying = workers.start(2)
    workers.wait_until_alive(2)
    with new_client() as client:
        job = client.start(python_tree(tmp_path / "repository", 100))
        wait_for(lambda: client.status(job.job_id).files_indexed >= 16, what="a first part of the job")
    server.shut_down()
    time.sleep(2)
    started = time.monotonic()
    stopping.terminate()
    assert stopping.wait(20) == 0, workers.logs()
    assert time.monotonic() - started < 12, "a supervisor would have killed it"
    time.sleep(2)
    assert staying.poll() is None, workers.logs()

    server.start_again()

    with new_client() as client:
        before = client.status(job.job_id).files_indexed
        # Not for as long again as the outage lasted, which was more than ten seconds.
        wait_for(lambda: client.status(job.job_id).files_indexed > before, what="a commit", seconds=7)
        status = wait_for_end(client, job.job_id, workers=workers)
        assert (status.status, status.files_indexed) == ("completed", 100)
        assert staying.poll() is None, workers.logs()
        wait_for(lambda: client.connection.execute(LISTENERS).fetchone() == (1,), what="its listener", seconds=10)


def test_sigterm_ends_a_supervisor_and_its_workers_while_the_database_is_away_and_their_job_goes_on_later(
    server: ChaosServer,
    service: EmbeddingServer,
    environment: Environment,
    workers: Workers,
    new_client: NewClient,
    tmp_path: Path,
) -> None:
    service.fail("slow", latency_ms=150)
    with started(environment, "worker", "--processes", "2", "--exit-when-idle", "60") as supervisor:
        with new_client() as client:
            job = client.start(python_tree(tmp_path / "repository", 100))
            wait_for(lambda: client.status(job.job_id).files_indexed >= 16, what="a first part of the job")
            wait_for(lambda: len(living_workers(client.connection)) == 2, what="two workers")
            pids = [worker.pid for worker in known_workers(client.connection) if worker.pid]
        server.shut_down()
        time.sleep(3)
        assert supervisor.poll() is None
        told = time.monotonic()
        supervisor.terminate()
        done = ended(supervisor)

    assert done.code == 0, done.err
    assert time.monotonic() - told < STOP_SECONDS + 2
    assert "the database does not answer" in done.err
    assert [pid for pid in pids if psutil.pid_exists(pid)] == []

    server.start_again()
    workers.start()
    with new_client() as client:
        status = wait_for_end(client, job.job_id, workers=workers)
        assert (status.status, status.files_indexed) == ("completed", 100)


def test_a_notification_that_nobody_understands_does_not_deafen_the_workers(
    workers: Workers, new_client: NewClient
) -> None:
    workers.start()
    workers.wait_until_alive(1)
    with new_client() as client:
        wait_for(lambda: client.connection.execute(LISTENERS).fetchone() == (1,), what="a listener", seconds=10)
        for channel in ("procrastinate_queue_v1#pgdex", "procrastinate_any_queue_v1"):
            for payload in ("hello", '"x"', "{}", '{"type": "abort_job_requested"}'):
                client.connection.execute("select pg_notify(%s, %s)", [channel, payload])
        time.sleep(1)
        assert client.connection.execute(LISTENERS).fetchone() == (1,)
    assert workers.processes[0].poll() is None


def test_workers_outlast_a_server_that_has_no_connection_left(
    server: ChaosServer, service: EmbeddingServer, workers: Workers, new_client: NewClient, tmp_path: Path
) -> None:
    with connect(settings_for(server.url)) as admin:
        admin.execute("create role indexer login superuser")  # reserved connections are for other superusers
        admin.execute("alter role indexer connection limit 12")
        admin.execute("alter role indexer nosuperuser")
        admin.execute("grant all on schema pgdex to indexer")
        for kind in ("tables", "sequences", "functions"):
            admin.execute(f"grant all on all {kind} in schema pgdex to indexer".encode())
        admin.execute("grant pgdex_worker to indexer")
    url = server.url.replace("postgres:@", "indexer:@")
    workers.database_url = url
    service.fail("slow", latency_ms=150)
    workers.start(2)
    with new_client() as client:
        wait_for(lambda: len(living_workers(client.connection)) == 2, what="two workers")
        job = client.start(python_tree(tmp_path / "repository", 160))
        wait_for(lambda: client.status(job.job_id).files_indexed >= 16, what="a first part of the job")
        with ExitStack() as hogs:
            client.connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'indexer'"
            )
            held = 0
            end = time.monotonic() + 6
            while time.monotonic() < end:  # take every connection that the role may have, as soon as one is free
                try:
                    hogs.enter_context(psycopg.connect(url))
                    held += 1
                except psycopg.OperationalError:
                    time.sleep(0.02)
            assert held >= 6, "the workers were faster: nothing was exhausted"
        status = wait_for_end(client, job.job_id, workers=workers)
        assert (status.status, status.files_indexed) == ("completed", 160)
        assert [process.poll() for process in workers.processes] == [None, None], workers.logs()
        assert_index_is_sound(client.connection)
