"""Another procrastinate application in pgdex's database: neither hears of the other's jobs, nor aborts them."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import psycopg
import pytest
from procrastinate.schema import SchemaManager
from psycopg import sql

from pgdex.jobs.app import App, _without_environment
from pgdex.jobs.client.client import Client
from pgdex.jobs.worker.connector import CHANNEL_PREFIX
from tests.integration.cli.commands import Run
from tests.support.counted_claims import claims_beyond_the_first, count_claims
from tests.support.embedding_server import EmbeddingServer
from tests.support.logins import CHECKOUT, new_login
from tests.support.trees import python_tree
from tests.support.waiting import wait_for, wait_for_end
from tests.support.workers import Workers

TOKENS = "select id from pgdex.procrastinate_jobs where status = 'doing'"
IN_PROGRESS = "select wake_up_id from pgdex.job_batches where state = 'running' and kind = 'index'"


@pytest.fixture
def configuration(service_configuration: dict[str, object]) -> dict[str, object]:
    return service_configuration


class Other:
    """The application's process."""

    def __init__(self, process: "subprocess.Popen[str]", number: int) -> None:
        self._process = process
        self.number = number

    def status(self) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()


@contextmanager
def other_application(database_url: str, schema: str, *, number: int, queue: str) -> Iterator[Other]:
    """One whose only job, which is being done, has `number`."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(schema)))
        connection.execute(sql.SQL("set search_path = {}").format(sql.Identifier(schema)))
        connection.execute(SchemaManager.get_schema().encode())
        connection.execute("select setval('procrastinate_jobs_id_seq', %s, false)", [number])
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "tests.support.other_application", schema, queue],
        env=os.environ | {"OTHER_DATABASE_URL": database_url, "PYTHONPATH": str(CHECKOUT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield Other(process, int(process.stdout.readline()))
    finally:
        process.kill()
        process.communicate()


def wake_up_in_flight(client: Client) -> int:
    found: list[tuple[int]] = []

    def look() -> bool:
        found[:] = client.connection.execute(IN_PROGRESS).fetchall()
        return bool(found)

    wait_for(look, what="a batch in a worker's hand")
    return found[0][0]


# The same queue's name too: a channel is made of nothing else.
@pytest.mark.parametrize(("schema", "queue"), [("public", "pgdex"), ("billing", "default")])
def test_cancelling_on_either_side_does_not_reach_the_other(
    client: Client, workers: Workers, service: EmbeddingServer, tmp_path: Path, schema: str, queue: str
) -> None:
    service.fail("slow", latency_ms=8000)
    count_claims(client.connection)
    workers.start()
    workers.wait_until_alive(1)
    job = client.start(python_tree(tmp_path / "repository", 3)).job_id
    wait_for(lambda: client.status(job).files_to_index, what="the end of the scan")
    number = wake_up_in_flight(client)
    with other_application(workers.database_url, schema, number=number, queue=queue) as other:
        assert other.number == number
        jobs = sql.Identifier(schema, "procrastinate_jobs")
        with psycopg.connect(workers.database_url) as owner:
            owner.execute(sql.SQL("set search_path = {}").format(sql.Identifier(schema)))
            owner.execute(sql.SQL("update {} set abort_requested = true").format(jobs))
        wait_for(lambda: other.status() == "aborted", what="the end of the other application's job")
        service.recover()
        assert wait_for_end(client, job, workers=workers).status == "completed"
        assert claims_beyond_the_first(client.connection, job) == 0


def test_a_cancelled_job_aborts_no_job_of_another_application(
    client: Client, workers: Workers, service: EmbeddingServer, tmp_path: Path
) -> None:
    service.fail("slow", latency_ms=8000)
    workers.start()
    workers.wait_until_alive(1)
    job = client.start(python_tree(tmp_path / "repository", 3)).job_id
    wait_for(lambda: client.status(job).files_to_index, what="the end of the scan")
    with other_application(workers.database_url, "public", number=wake_up_in_flight(client), queue="pgdex") as other:
        client.cancel(job)
        wait_for(lambda: client.connection.execute(TOKENS).fetchone() is None, what="our worker's stopping", seconds=5)
        time.sleep(1.0)  # nothing shows that a notification has not come
        assert other.status() == "doing"


def test_what_a_login_that_may_only_read_sends_stops_nothing(
    client: Client, workers: Workers, service: EmbeddingServer, tmp_path: Path
) -> None:
    service.fail("slow", latency_ms=200)
    count_claims(client.connection)
    workers.start()
    workers.wait_until_alive(1)
    job = client.start(python_tree(tmp_path / "repository", 60)).job_id
    with (
        new_login(workers.database_url, "pgdex_reader") as url,
        psycopg.connect(url, autocommit=True) as reader,
    ):
        rounds = 0
        while not client.status(job).is_final and rounds < 3000:
            rounds += 1
            for kind in ("abort_job_requested", "job_inserted", "nonsense"):
                reader.execute(
                    "select pg_notify(%s || 'procrastinate_queue_v1#pgdex', json_build_object('type', %s::text,"
                    " 'job_id', t.id)::text) from (select wake_up_id as id from pgdex.job_batches"
                    " where state in ('running', 'waiting') union all select 0) as t",
                    [CHANNEL_PREFIX, kind],
                )
                reader.execute("select pg_notify(%s || 'procrastinate_queue_v1#pgdex', '{')", [CHANNEL_PREFIX])
    assert wait_for_end(client, job, workers=workers).status == "completed"
    assert claims_beyond_the_first(client.connection, job) == 0


def test_variables_of_another_application_do_not_reach_the_workers(run_pgdex: Run, tmp_path: Path) -> None:
    theirs = {
        "PROCRASTINATE_WORKER_QUEUES": "emails",
        "PROCRASTINATE_WORKER_CONCURRENCY": "many",
        "PROCRASTINATE_WORKER_WAIT": "0",
        "PROCRASTINATE_APP": "theirs.app",
        "PROCRASTINATE_VERBOSE": "loud",
    }
    indexed = run_pgdex("index", str(python_tree(tmp_path / "repository", 2)), env=theirs | {"PGDEX_PROCESSES": "1"})
    assert indexed.code == 0, indexed.err


def test_a_worker_that_is_started_by_hand_takes_no_options_from_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"queues": ["emails"], "concurrency": 4, "wait": False, "update_heartbeat_interval": 3.0}
    monkeypatch.setenv("PROCRASTINATE_WORKER_QUEUES", "emails")
    monkeypatch.setenv("PROCRASTINATE_WORKER_CONCURRENCY", "4")
    monkeypatch.setenv("PROCRASTINATE_WORKER_WAIT", "0")
    monkeypatch.setattr("sys.argv", ["procrastinate", "--app=pgdex.app", "worker", "-c", "4"])
    assert _without_environment(given) == {"concurrency": 4, "update_heartbeat_interval": 3.0}


def test_our_copy_of_procrastinate_differs_in_its_channels_and_search_path_alone(
    client: Client, empty_database_url: str
) -> None:
    functions = (
        "select proname::text, btrim(regexp_replace(lower(prosrc), '\\s+', ' ', 'g')), proconfig::text from pg_proc"
        " where proname like 'procrastinate%%' and pronamespace = %s::regnamespace"
    )
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute(SchemaManager.get_schema().encode())
        theirs = {name: source for name, source, _ in connection.execute(functions, ["public"])}
    ours = {name: (source, config) for name, source, config in client.connection.execute(functions, ["pgdex"])}
    assert set(ours) == set(theirs)
    assert {config for _, config in ours.values()} == {'{"search_path=pg_catalog, pgdex, pg_temp"}'}
    differing = {name for name, (source, _) in ours.items() if source != theirs[name]}
    files_of_ours = {entry.name.removesuffix(".sql") for entry in (files("pgdex.sql") / "functions").iterdir()}
    assert differing == {name for name in files_of_ours if name.startswith("procrastinate")}
    for name in differing:
        for channel in ("procrastinate_queue_v1#", "procrastinate_any_queue_v1"):
            assert f"'{channel}" in theirs[name]
            assert f"'{CHANNEL_PREFIX}{channel}" in ours[name][0]


def test_the_app_is_a_subclass_that_pins_its_queue() -> None:
    from pgdex.jobs.app import PINNED, app

    assert isinstance(app, App)
    assert PINNED["queues"] == ["pgdex"]
