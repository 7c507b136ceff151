"""What our sessions depend on they set themselves: role, database and server may say what they like."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from pgdex.jobs.batches.pools import POOLS
from pgdex.jobs.client.client import Client
from pgdex.jobs.database.connection import connect, connect_async
from pgdex.jobs.database.outages import refusal_message
from pgdex.jobs.database.schema import upgrade
from pgdex.jobs.database.sessions import FRONT_END, SEARCH_PATH, SESSION_SETTINGS, SETTINGS, UPGRADE, WORKER, Limits
from pgdex.jobs.worker.connector import Connector
from tests.integration.cli.commands import Run
from tests.support.databases import settings_for
from tests.support.logins import new_login
from tests.support.sql_worker import enqueue
from tests.support.trees import python_tree
from tests.support.waiting import wait_for_end
from tests.support.workers import Workers

# Values that differ from ours, where a person may set them.
ODD = {
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "sql_standard",
    "TimeZone": "Asia/Kathmandu",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "array_nulls": "off",
    "quote_all_identifiers": "on",
    "standard_conforming_strings": "off",
    "transform_null_equals": "on",
    "row_security": "off",
    "search_path": "nowhere",
    "client_encoding": "LATIN1",
    "gin_fuzzy_search_limit": "1",
    "plpgsql.extra_errors": "all",
    "default_transaction_isolation": "serializable",
    "default_transaction_read_only": "on",
    "default_transaction_deferrable": "on",
    "statement_timeout": "200ms",
    "lock_timeout": "1ms",
    "idle_in_transaction_session_timeout": "50ms",
    "idle_session_timeout": "1s",
    "transaction_timeout": "200ms",
}
LIMITS = {"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "transaction_timeout"}
SHOW = "select name, setting from pg_settings where name = any(%s)"


def set_on(database_url: str, settings: dict[str, str]) -> None:
    """ALTER DATABASE … SET for each setting that this server has."""
    with psycopg.connect(database_url, autocommit=True) as admin:
        known = {row[0] for row in admin.execute("select name from pg_settings")} | {"plpgsql.extra_errors"}
        for name, value in settings.items():
            if name in known:
                statement = "alter database {} set {} = {}"
                parts = sql.Identifier(admin.info.dbname), sql.SQL(name), sql.Literal(value)
                admin.execute(sql.SQL(statement).format(*parts))


def by_client(database_url: str) -> dict[str, str]:
    with Client.open(settings_for(database_url)) as client:
        return dict(client.connection.execute(SHOW, [list(SETTINGS | SESSION_SETTINGS)]).fetchall())


def by_async(database_url: str) -> dict[str, str]:
    async def ask() -> dict[str, str]:
        async with await connect_async(settings_for(database_url), application="test") as connection:
            cursor = await connection.execute(SHOW, [list(SETTINGS | SESSION_SETTINGS)])
            return dict(await cursor.fetchall())

    return asyncio.run(ask())


def by_worker_pool(database_url: str) -> dict[str, str]:
    with POOLS.of(1) as pool, pool.connection() as connection:
        found = dict(connection.execute(SHOW, [list(SETTINGS | SESSION_SETTINGS)]).fetchall())
    POOLS.retire_all()
    return found


def by_queue(database_url: str) -> dict[str, str]:
    from pgdex.jobs.app import app

    async def ask() -> dict[str, str]:
        async with app.open_async():
            assert isinstance(app.connector, Connector)
            rows = await app.connector.execute_query_all_async(
                "select name, setting from pg_settings where name = any(%(names)s)",
                names=list(SETTINGS | SESSION_SETTINGS),
            )
            return {row["name"]: row["setting"] for row in rows}

    return asyncio.run(ask())


@pytest.fixture
def process_settings(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings of this process, as a worker reads them."""
    for module in ("pgdex.jobs.batches.pools", "pgdex.jobs.app", "pgdex.jobs.worker.connector"):
        monkeypatch.setattr(f"{module}.settings", lambda: settings_for(database_url))


@pytest.mark.usefixtures("process_settings")
@pytest.mark.parametrize("ask", [by_client, by_async, by_worker_pool, by_queue])
def test_every_kind_of_connection_sets_the_same(database_url: str, ask: Callable[[str], dict[str, str]]) -> None:
    set_on(database_url, ODD)
    found = ask(database_url)
    expected = SETTINGS | SESSION_SETTINGS
    assert found.pop("plpgsql.extra_errors", "none") == "none"
    assert found == {name: value for name, value in expected.items() if name in found}
    assert len(found) >= len(expected) - 1


@pytest.mark.parametrize("limits", [FRONT_END, WORKER, UPGRADE])
def test_limits_are_those_of_the_profile(database_url: str, limits: Limits) -> None:
    set_on(database_url, ODD)
    with connect(settings_for(database_url), limits=limits) as connection:
        found = {name: connection.execute(f"show {name}").fetchone() for name in LIMITS}
    assert found["statement_timeout"] == (limits.statement,)
    assert found["lock_timeout"] == (limits.lock,)
    assert found["idle_in_transaction_session_timeout"] in {(limits.idle_in_transaction,), ("1min",)}
    assert found["transaction_timeout"] == ("0",)


@pytest.mark.parametrize("name", ["DateStyle", "search_path", "transaction_timeout", "everything at once"])
def test_every_command_works_whatever_the_database_sets(
    run_pgdex: Run, database_url: str, workers: Workers, tmp_path: Path, name: str
) -> None:
    set_on(database_url, ODD if name == "everything at once" else {name: ODD[name]})
    folder = python_tree(tmp_path / "repository", 3)
    (folder / "empty.py").write_text("")
    assert run_pgdex("db", "upgrade").code == 0
    workers.start()
    workers.wait_until_alive(1)
    indexed = run_pgdex("index", str(folder))
    assert indexed.code == 0, indexed.err
    for command in (
        ("status", "last"),
        ("list", "--json"),
        ("events", "last"),
        ("search", "Thing1", "--limit", "1"),
        ("skipped", str(folder)),
        ("workers",),
    ):
        done = run_pgdex(*command)
        assert done.code == 0, (command, done.err, workers.logs())
    assert '"level": "error"' not in workers.logs()


def test_what_a_role_sets_does_not_matter_either(database_url: str, workers: Workers, tmp_path: Path) -> None:
    with new_login(database_url, "pgdex_worker") as url:
        with psycopg.connect(database_url, autocommit=True) as admin:
            login = conninfo_to_dict(url)["user"]
            for name, value in ODD.items():
                statement = sql.SQL("alter role {} set {} = {}")
                admin.execute(statement.format(sql.Identifier(str(login)), sql.SQL(name), sql.Literal(value)))
        workers.database_url = url
        workers.start()
        with Client.open(settings_for(url)) as client:
            job = client.start(python_tree(tmp_path / "repository", 3)).job_id
            assert wait_for_end(client, job, workers=workers).status == "completed"
        workers.stop()


def test_a_front_end_says_that_the_database_is_busy(database_url: str) -> None:
    impatient = Limits(statement="1s", lock="100ms")
    with (
        connect(settings_for(database_url), limits=impatient) as one,
        connect(settings_for(database_url), limits=WORKER) as other,
    ):
        job = enqueue(one, "/src/click")
        with other.transaction():
            other.execute("select from pgdex.indexing_jobs where id = %s for update", [job])
            with pytest.raises(psycopg.errors.LockNotAvailable) as locked:
                one.execute("update pgdex.indexing_jobs set progress_floor = 1 where id = %s", [job])
        assert "locked" in str(refusal_message(locked.value))
        with pytest.raises(psycopg.errors.QueryCanceled) as late:
            one.execute("select pg_sleep(5)")
        assert "busy" in str(refusal_message(late.value))


@pytest.mark.usefixtures("later")
def test_an_upgrade_waits_for_locks_in_short_tries_and_goes_through(database_url: str) -> None:
    """Whoever waits for a table makes all who come after wait too."""
    with psycopg.connect(database_url) as reader:
        reader.execute("select count(*) from pgdex.indexing_jobs")
        upgrading = threading.Thread(target=upgrade, args=[settings_for(database_url)])
        upgrading.start()
        upgrading.join(0.5)
        assert upgrading.is_alive(), "it has to wait for the reader"
        reader.rollback()
        upgrading.join(30)
    assert not upgrading.is_alive()
    with Client.open(settings_for(database_url)):
        pass


def test_the_search_path_leads_to_no_schema_of_others(database_url: str) -> None:
    assert SEARCH_PATH == "pg_catalog, pgdex, pg_temp"
    with Client.open(settings_for(database_url)) as client:
        assert client.connection.execute("show search_path").fetchone() == (SEARCH_PATH,)
