"""Through a real PgBouncer, in both of its modes: everything works, and other clients of the pool notice nothing."""

import itertools
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.errors import QueryCanceled

import pgdex.jobs.database.poolers
from pgdex.jobs.client.client import Client
from pgdex.jobs.database.connection import connect
from pgdex.jobs.database.sessions import SETTINGS, WORKER, Limits, holds_session, one_session
from tests.integration.cli.commands import Run
from tests.support.databases import settings_for
from tests.support.embedding_server import EmbeddingServer
from tests.support.index_digest import assert_index_is_sound
from tests.support.pgbouncer import PROGRAM, pgbouncer
from tests.support.trees import python_tree
from tests.support.waiting import wait_for, wait_for_end
from tests.support.workers import Workers

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="PgBouncer is not installed (see CONTRIBUTING.md)")

MODES = ["session", "transaction"]


@pytest.fixture(autouse=True)
def forget_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ports are used again."""
    monkeypatch.setattr(pgdex.jobs.database.poolers, "_found", {})


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def pooled_url(database_url: str, mode: str) -> Iterator[str]:
    with pgbouncer(database_url, mode) as url:
        yield url


def test_jobs_run_and_every_command_answers(
    run_pgdex: Run, pooled_url: str, mode: str, workers: Workers, tmp_path: Path
) -> None:
    env = {"PGDEX_DATABASE_URL": pooled_url}
    folder = python_tree(tmp_path / "repository", 120)
    assert run_pgdex("db", "upgrade", env=env).code == 0
    workers.database_url = pooled_url
    workers.start(2)
    workers.wait_until_alive(2)
    indexed = run_pgdex("index", str(folder), env=env)
    assert indexed.code == 0, indexed.err + workers.logs()
    (folder / "new.py").write_text("def brand_new():\n    pass\n")
    assert run_pgdex("index", str(folder), env=env).code == 0
    for command in (
        ("status", "last"),
        ("list",),
        ("events", "last"),
        ("skipped", str(folder)),
        ("workers",),
        ("doctor",),
        ("db", "psql", "-c", "select status from pgdex.job_status"),
    ):
        done = run_pgdex(*command, env=env)
        assert done.code == 0, (command, done.out, done.err)
    found = run_pgdex("search", "brand_new", "--limit", "1", env=env)
    assert "new.py" in found.out
    assert ("transaction mode" in run_pgdex("doctor", env=env).out) == (mode == "transaction")
    assert '"level": "error"' not in workers.logs()
    with Client.open(settings_for(pooled_url)) as client:
        assert_index_is_sound(client.connection)


def test_workers_that_the_command_starts_end_by_themselves(run_pgdex: Run, pooled_url: str, tmp_path: Path) -> None:
    env = {"PGDEX_DATABASE_URL": pooled_url, "PGDEX_PROCESSES": "1"}
    assert run_pgdex("index", str(python_tree(tmp_path / "repository", 3)), env=env).code == 0


def test_a_job_is_cancelled(
    pooled_url: str,
    workers: Workers,
    service: EmbeddingServer,
    service_configuration: dict[str, object],
    tmp_path: Path,
) -> None:
    workers.database_url = pooled_url
    workers.environment = {f"PGDEX_{name.upper()}": str(value) for name, value in service_configuration.items()}
    workers.start()
    workers.wait_until_alive(1)
    with Client.open(settings_for(pooled_url, **service_configuration)) as client:
        job = client.start(python_tree(tmp_path / "repository", 20)).job_id
        service.fail("hang")
        wait_for(lambda: service.counts().failed_calls > 0, what="a call that hangs")
        client.cancel(job)
        tokens = "select count(*) from pgdex.procrastinate_jobs where status = 'doing'"
        wait_for(lambda: client.connection.execute(tokens).fetchone() == (0,), what="an idle worker", seconds=10)


def test_a_worker_that_is_killed_is_replaced_by_its_peer(
    pooled_url: str,
    workers: Workers,
    service: EmbeddingServer,
    service_configuration: dict[str, object],
    tmp_path: Path,
) -> None:
    workers.database_url = pooled_url
    workers.environment = {f"PGDEX_{name.upper()}": str(value) for name, value in service_configuration.items()}
    service.fail("slow", latency_ms=500)
    first, _ = workers.start(2)
    workers.wait_until_alive(2)
    with Client.open(settings_for(pooled_url, **service_configuration)) as client:
        job = client.start(python_tree(tmp_path / "repository", 300)).job_id
        wait_for(lambda: client.status(job).files_indexed > 0, what="the first batches")
        workers.kill(first)
        service.recover()
        status = wait_for_end(client, job, workers=workers)
        assert (status.status, status.files_indexed) == ("completed", 300)
        assert_index_is_sound(client.connection)


def test_the_mode_is_found_out_however_idle_or_busy_the_pool_is(database_url: str, mode: str) -> None:
    for round_robin, others, pause in itertools.product((0, 1), (0, 1, 5), (0.0, 0.01)):
        with (
            pgbouncer(database_url, mode, server_round_robin=round_robin) as url,
            _clients_that_ask(url, clients=others, pause_seconds=pause),
        ):
            for _ in range(40):
                pgdex.jobs.database.poolers._found.clear()
                with connect(settings_for(url)) as connection:
                    assert holds_session(connection) == (mode == "session"), (round_robin, others, pause)


@contextmanager
def _clients_that_ask(url: str, *, clients: int, pause_seconds: float) -> Iterator[None]:
    stop = threading.Event()

    def ask() -> None:
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
            while not stop.wait(pause_seconds):
                connection.execute("select 1")

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_full_pool_of_sessions_is_one_of_sessions(database_url: str) -> None:
    with (
        pgbouncer(database_url, "session", default_pool_size=1) as url,
        connect(settings_for(url)) as connection,
    ):
        assert holds_session(connection)
        assert connection.execute("show search_path").fetchone() == (SETTINGS["search_path"],)


def test_without_a_pooler_there_is_none(database_url: str) -> None:
    with connect(settings_for(database_url)) as connection:
        assert holds_session(connection)
    assert pgdex.jobs.database.poolers._found == {}


def test_other_clients_of_a_pool_of_transactions_keep_their_settings(database_url: str) -> None:
    settings = "select name, setting from pg_settings where name <> 'application_name' order by name"
    with (
        pgbouncer(database_url, "transaction", default_pool_size=1) as url,
        psycopg.connect(url, autocommit=True, prepare_threshold=None) as other,
    ):
        before = other.execute(settings).fetchall()
        with Client.open(settings_for(url)) as client:
            client.list_jobs()
            client.wait_for_notification(timeout_seconds=0.1)
            with client.connection.transaction():
                client.connection.execute("select 1")
        assert other.execute(settings).fetchall() == before
        assert other.execute("select count(*) from pg_locks where locktype = 'advisory'").fetchone() == (0,)
        assert other.execute("select count(*) from pg_listening_channels()").fetchone() == (0,)


def test_statements_run_under_our_settings_whatever_surrounds_them(database_url: str) -> None:
    with pgbouncer(database_url, "transaction") as url, connect(settings_for(url), limits=WORKER) as connection:
        shown = "select name, setting from pg_settings where name = any(%s)"
        names = [list(SETTINGS)]
        expected = {name: value for name, value in SETTINGS.items() if name != "plpgsql.extra_errors"}

        def found() -> dict[str, str]:
            return {name: value for name, value in connection.execute(shown, names) if name in expected}

        assert found() == expected
        with connection.transaction():
            assert found() == expected
            with connection.transaction():
                assert found() == expected
        with connection.cursor() as cursor:
            cursor.executemany("select %s", [[1], [2]])
        with one_session(connection):
            connection.execute("create temporary table kept on commit drop as select 1 as n")
            with connection.cursor().copy("copy pg_temp.kept from stdin") as copy:
                copy.write_row([2])
            assert connection.execute("select count(*) from pg_temp.kept").fetchone() == (2,)


def test_limits_hold_in_a_pool_of_transactions(database_url: str) -> None:
    impatient = Limits(statement="200ms")
    with (
        pgbouncer(database_url, "transaction") as url,
        connect(settings_for(url), limits=impatient) as connection,
        pytest.raises(QueryCanceled),
    ):
        connection.execute("select pg_sleep(5)")


def test_a_limit_of_the_poolers_fails_the_job_with_its_name(
    database_url: str, mode: str, workers: Workers, tmp_path: Path
) -> None:
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute(
            "create function public.slow() returns trigger language plpgsql as"
            " 'begin perform pg_sleep(1.5); return null; end'"
        )
        admin.execute("create trigger slow after insert on pgdex.view_files execute function public.slow()")
    with pgbouncer(database_url, mode, query_timeout=1) as url:
        workers.database_url = url
        workers.start()
        with Client.open(settings_for(database_url)) as client:
            job = client.start(python_tree(tmp_path / "repository", 3)).job_id
            status = wait_for_end(client, job, workers=workers)
        assert status.status == "failed"
        assert "pooler" in (status.error_message or ""), workers.logs()
        assert re.search("query.timeout", status.error_message or "")
        workers.stop()


@pytest.mark.parametrize("parameter", ["options", "extra_float_digits"])
def test_a_startup_parameter_that_it_refuses_is_explained(run_pgdex: Run, database_url: str, parameter: str) -> None:
    with pgbouncer(database_url, "session", ignore_startup_parameters="") as url:
        given = f"{url}?options=-c%20{parameter}%3D1" if parameter != "options" else f"{url}?options=-c%20jit%3Doff"
        refused = run_pgdex("list", env={"PGDEX_DATABASE_URL": given})
        assert refused.code == 3
        assert "ignore_startup_parameters" in refused.err
        assert "options" in refused.err
