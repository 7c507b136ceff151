"""Two versions of pgdex on one database: only upwards, and nobody's work is harmed."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import alembic.command
import psycopg
import pytest
from alembic.config import Config

import pgdex.jobs.database.upgrading
from pgdex.jobs.client.client import Client
from pgdex.jobs.database.connection import Connection, conninfo
from pgdex.jobs.database.schema import downgrade, expected_version, installed_version, upgrade
from pgdex.jobs.database.schema_watch import LEFT_BEHIND
from pgdex.jobs.errors import InvalidRequest, NotAllowed, SchemaAhead, SchemaBehind, SchemaInUse
from pgdex.jobs.mcp.connections import Connections
from pgdex.migrations import version
from tests.support.databases import settings_for
from tests.support.embedding_server import MODEL, EmbeddingServer
from tests.support.job_checks import value
from tests.support.later_revision import FIRST, LATER, later_checkout
from tests.support.logins import new_login, run_pgdex
from tests.support.sql_worker import SqlWorker, enqueue, tree
from tests.support.trees import python_tree
from tests.support.waiting import wait_for, wait_for_end
from tests.support.workers import Workers

REVISION = version.expected().revision
NEWER = "9999-1.0.0-abc"
OLDER = f"{REVISION}-0.0.1-abc"
FUNCTIONS = """
    select count(*) from pg_proc where pronamespace = 'pgdex'::regnamespace and proname not like 'procrastinate%%'
"""


def set_version(connection: Connection, text: str) -> None:
    connection.execute("update pgdex.settings set value = %s where name = 'schema_version'", [text])


# What a newer pgdex has upgraded


@pytest.mark.parametrize("newer", [NEWER, "0999_x-abc", "9999", f"{REVISION}-99.0.0-abc", "a_branch-9.9.9-abc"])
def test_a_newer_schema_is_refused_with_both_versions_and_what_to_do(
    connection: Connection, database_url: str, newer: str
) -> None:
    set_version(connection, newer)
    functions = value(connection, FUNCTIONS)
    for attempt in (
        lambda: Client.open(settings_for(database_url)),
        lambda: upgrade(settings_for(database_url)),
        lambda: downgrade(settings_for(database_url), "base"),
    ):
        with pytest.raises(SchemaAhead) as caught:
            attempt()
        for part in (newer, expected_version(), "newer pgdex", "Update pgdex"):
            assert part in str(caught.value)
    assert installed_version(connection) == newer
    assert value(connection, FUNCTIONS) == functions


def test_a_revision_of_alembic_that_is_unknown_here_is_a_newer_schema(
    connection: Connection, database_url: str
) -> None:
    connection.execute("update pgdex.alembic_version set version_num = '0999'")
    set_version(connection, OLDER)
    for attempt in (
        lambda: upgrade(settings_for(database_url)),
        lambda: downgrade(settings_for(database_url), "base"),
    ):
        with pytest.raises(SchemaAhead, match="0999"):
            attempt()


def test_an_upgrade_that_waited_for_a_newer_one_leaves_its_schema_alone(
    connection: Connection, database_url: str
) -> None:
    set_version(connection, OLDER)
    with psycopg.connect(database_url, application_name="pgdex upgrade") as newer:
        newer.execute("lock table pgdex.alembic_version in share row exclusive mode")
        newer.execute("update pgdex.settings set value = %s where name = 'schema_version'", [NEWER])
        errors: list[BaseException] = []

        def older() -> None:
            try:
                upgrade(settings_for(database_url))
            except SchemaAhead as error:
                errors.append(error)

        waiting = threading.Thread(target=older)
        waiting.start()
        wait_for(
            lambda: value(connection, "select count(*) from pg_locks where not granted") == 1,
            what="an upgrade that waits",
        )
        newer.commit()
        waiting.join()
    assert len(errors) == 1
    assert installed_version(connection) == NEWER


def test_a_server_for_agents_notices_that_it_became_the_older_one(connection: Connection, database_url: str) -> None:
    connections = Connections(settings_for(database_url))
    try:
        assert connections.call(lambda client: client.list_jobs().total_count) == 0
        set_version(connection, NEWER)
        with pytest.raises(SchemaAhead, match="newer pgdex"):
            connections.call(lambda client: client.list_jobs())
    finally:
        connections.close()


# What was taken back


def test_a_downgrade_notes_what_is_there_and_every_command_says_so(
    connection: Connection, database_url: str, tmp_path: Path, later: str
) -> None:
    enqueue(connection, "/kept")
    upgrade(settings_for(database_url))
    assert expected_version().startswith(later)
    assert installed_version(connection) == expected_version()
    assert downgrade(settings_for(database_url), REVISION) == REVISION
    assert installed_version(connection) == REVISION
    assert value(connection, FUNCTIONS) == 0  # those of the newest tables would only break half-way

    there = {"PGDEX_DATABASE_URL": database_url, "PYTHONPATH": str(later_checkout(tmp_path / "checkout"))}
    for command in (["list"], ["index", str(tmp_path)], ["search", "x"], ["status", "last"], ["worker"], ["workers"]):
        done = run_pgdex(*command, home=tmp_path, **there)
        assert done.code == 3, done
        for part in (f"downgraded to {REVISION},", expected_version(), "pgdex db upgrade"):
            assert part in done.err
    assert f"{REVISION}, but" in run_pgdex("doctor", home=tmp_path, **there).out

    upgrade(settings_for(database_url))
    assert installed_version(connection) == expected_version()
    assert value(connection, "select repo_path from pgdex.job_status") == "/kept"


@pytest.mark.parametrize("step", version.revisions())
@pytest.mark.usefixtures("later")
def test_each_revision_can_be_gone_back_to_and_up_from(connection: Connection, database_url: str, step: str) -> None:
    upgrade(settings_for(database_url))
    for revision in reversed([known for known in version.revisions() if known >= step]):
        downgrade(settings_for(database_url), revision)
    assert installed_version(connection) == step
    upgrade(settings_for(database_url))
    assert installed_version(connection) == expected_version()
    SqlWorker(connection).work_all(tree(2)) if enqueue(connection) else None


@pytest.mark.usefixtures("later")
def test_a_downgrade_to_what_is_not_there_says_what_there_is(database_url: str) -> None:
    with pytest.raises(InvalidRequest, match=rf"no revision nonsense.*{FIRST}.*{LATER} and base"):
        downgrade(settings_for(database_url), "nonsense")
    with pytest.raises(InvalidRequest, match=f"older than {LATER}"):
        downgrade(settings_for(database_url), LATER)


@pytest.mark.usefixtures("later")
def test_what_alembic_itself_does_is_noted_too(connection: Connection, database_url: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(version.scripts()))
    config.set_main_option("sqlalchemy.url", database_url)
    alembic.command.upgrade(config, "head")
    assert installed_version(connection) == expected_version()
    alembic.command.downgrade(config, REVISION)
    assert installed_version(connection) == REVISION
    alembic.command.upgrade(config, "head")
    assert installed_version(connection) == expected_version()


# Others' locks and limits


@pytest.mark.usefixtures("later")
def test_an_upgrade_behind_an_open_transaction_names_it_and_changes_nothing(
    connection: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pgdex.jobs.database.upgrading, "PATIENCE_SECONDS", 1.0)
    before = installed_version(connection)
    with psycopg.connect(database_url, application_name="a dump") as dump:
        dump.execute("select count(*) from pgdex.indexing_jobs")
        with pytest.raises(SchemaInUse) as caught:
            upgrade(settings_for(database_url))
        for part in (str(dump.info.backend_pid), "a dump", "idle in transaction", "pg_terminate_backend", "try again"):
            assert part in str(caught.value)
        assert installed_version(connection) == before
    upgrade(settings_for(database_url))
    assert installed_version(connection) == expected_version()


@pytest.mark.usefixtures("later")
def test_an_upgrade_goes_on_when_the_transaction_before_it_ends(connection: Connection, database_url: str) -> None:
    with psycopg.connect(database_url) as dump:
        dump.execute("select count(*) from pgdex.indexing_jobs")
        upgrading = threading.Thread(target=upgrade, args=[settings_for(database_url)])
        upgrading.start()
        waits = "select count(*) from pg_locks where not granted"
        wait_for(lambda: value(connection, waits) == 1, what="an upgrade that waits")
        wait_for(lambda: value(connection, waits) == 0, what="its giving way to others", seconds=10)
        dump.commit()
        upgrading.join()
    assert installed_version(connection) == expected_version()


def test_an_upgrade_is_not_cut_off_by_the_limits_of_its_role(connection: Connection, database_url: str) -> None:
    joint = "&" if "?" in database_url else "?"
    limited = settings_for(f"{database_url}{joint}options=-cstatement_timeout%3D20ms")
    with pytest.raises(psycopg.errors.QueryCanceled), psycopg.connect(conninfo(limited)) as cut_off:
        cut_off.execute("select pg_sleep(1)")
    downgrade(limited, "base")
    upgrade(limited)
    assert installed_version(connection) == expected_version()


@pytest.mark.parametrize("text", [OLDER, ""])
def test_who_does_not_own_the_schema_is_told_who_does(connection: Connection, database_url: str, text: str) -> None:
    SqlWorker(connection)
    if text:
        set_version(connection, text)
    with new_login(database_url, "pgdex_worker") as url:
        for attempt in (lambda: upgrade(settings_for(url)), lambda: downgrade(settings_for(url), "base", force=True)):
            with pytest.raises(NotAllowed, match=connection.info.user):
                attempt()


# Workers


@pytest.fixture
def configuration(service: EmbeddingServer) -> dict[str, object]:
    service.fail("slow", latency_ms=300)
    return {"embedder": f"ollama:{MODEL}", "embedder_url": service.url, "batch_files": 2}


def log_lines(workers: Workers) -> list[dict[str, str]]:
    text = "".join(path.read_text("utf-8") for path in workers.folder.glob("*.log"))
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def test_a_worker_whose_schema_was_exchanged_ends_after_its_batch_and_fails_no_job(
    client: Client, workers: Workers, tmp_path: Path
) -> None:
    (process,) = workers.start()
    job_id = client.start(python_tree(tmp_path / "repository", 40)).job_id
    wait_for(lambda: client.status(job_id).files_indexed > 4, what="a job in its middle")

    set_version(client.connection, NEWER)

    assert process.wait(20) == LEFT_BEHIND
    said = [line for line in log_lines(workers) if line.get("action") == "schema_changed"]
    assert NEWER in said[0]["message"]
    assert value(client.connection, "select count(*) from pgdex.procrastinate_workers") == 0
    set_version(client.connection, expected_version())
    assert client.status(job_id).status == "running"
    workers.start()
    assert wait_for_end(client, job_id, workers=workers).status == "completed"


def test_a_worker_whose_functions_are_gone_fails_no_job(client: Client, workers: Workers, tmp_path: Path) -> None:
    """Someone forced it: the worker has a batch in progress while what it calls disappears."""
    (process,) = workers.start()
    job_id = client.start(python_tree(tmp_path / "repository", 40)).job_id
    wait_for(lambda: client.status(job_id).files_indexed > 4, what="a job in its middle")
    process.send_signal(signal.SIGSTOP)
    wait_for(lambda: not value(client.connection, "select alive from pgdex.worker_status"), what="its peers' view")
    client.connection.execute(
        "alter function pgdex.complete_batch rename to completed_otherwise;"
        "alter function pgdex.report_batch rename to reported_otherwise;"
        "alter function pgdex.release_batch rename to released_otherwise"
    )
    set_version(client.connection, OLDER)
    process.send_signal(signal.SIGCONT)

    assert process.wait(30) == LEFT_BEHIND

    upgrade(client.settings)
    assert client.status(job_id).status == "running"
    workers.start()
    assert wait_for_end(client, job_id, workers=workers).status == "completed"


@pytest.fixture
def working_login(database_url: str, workers: Workers) -> Iterator[None]:
    """Workers under a login that may do jobs and nothing else."""
    with new_login(database_url, "pgdex_worker") as workers.database_url:
        yield
        workers.stop()


@pytest.mark.usefixtures("working_login")
def test_an_upgrade_lets_workers_of_the_older_version_end_first(
    client: Client, workers: Workers, tmp_path: Path
) -> None:
    started = workers.start(2)
    workers.wait_until_alive(2)
    job_id = client.start(python_tree(tmp_path / "repository", 60)).job_id
    wait_for(lambda: client.status(job_id).files_indexed > 4, what="a job in its middle")
    # As those see it that come with a newer release; the workers are none the wiser until they are asked.
    newer = version.SchemaVersion(REVISION, "99.0.0", "abc")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(version, "expected", lambda: newer)
        upgrade(client.settings)

    assert value(client.connection, "select count(*) from pgdex.worker_status where alive") == 0
    assert all(process.wait(20) in (0, LEFT_BEHIND) for process in started)
    assert installed_version(client.connection) == str(newer)
    assert value(client.connection, "select count(*) from pgdex.settings where name = 'upgrade_session'") == 0
    assert value(client.connection, "select status from pgdex.indexing_jobs where id = %s", job_id) == "running"
    # One that is started again by whatever keeps it running ends at once.
    (again,) = workers.start()
    assert again.wait(20) == LEFT_BEHIND


def test_an_upgrade_that_died_stops_nobody(client: Client, workers: Workers, tmp_path: Path) -> None:
    client.connection.execute("insert into pgdex.settings (name, value) values ('upgrade_session', '1')")
    workers.start()
    job_id = client.start(python_tree(tmp_path / "repository", 4)).job_id
    assert wait_for_end(client, job_id, workers=workers).status == "completed"


def test_a_worker_that_does_not_end_is_named_and_the_schema_stays(
    connection: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pgdex.jobs.database.upgrading, "WORKERS_END_SECONDS", 0.5)
    SqlWorker(connection)
    set_version(connection, OLDER)
    with pytest.raises(SchemaInUse, match=r"worker 1 on .*pgdex db upgrade --force"):
        upgrade(settings_for(database_url))
    assert installed_version(connection) == OLDER
    upgrade(settings_for(database_url), force=True)
    assert installed_version(connection) == expected_version()


def test_a_downgrade_under_workers_needs_to_be_forced(client: Client, workers: Workers) -> None:
    (process,) = workers.start()
    workers.wait_until_alive(1)
    with pytest.raises(SchemaInUse, match=r"worker \d+ on .*--force"):
        downgrade(client.settings, "base")
    assert installed_version(client.connection) == expected_version()
    downgrade(client.settings, "base", force=True)
    assert process.wait(20) in (0, LEFT_BEHIND)
    assert installed_version(client.connection) is None


def test_a_supervisor_says_what_to_do_and_starts_no_worker_again_and_again(
    connection: Connection, environment: dict[str, str], tmp_path: Path
) -> None:
    log = tmp_path / "supervisor.log"
    command = [sys.executable, "-P", "-m", "pgdex.jobs.cli", "worker", "--processes", "1"]
    with log.open("wb") as output:
        supervisor = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
        background = subprocess.Popen([*command, "--exit-when-idle", "600"], env=environment, stderr=subprocess.DEVNULL)
    try:
        alive = "select count(*) from pgdex.worker_status where alive"
        wait_for(lambda: value(connection, alive) == 2, what="two workers")
        set_version(connection, NEWER)
        # Started for someone, and not as a service: it makes room for the workers of the newer version.
        assert background.wait(20) == 0
        wait_for(lambda: "Update pgdex on this machine" in log.read_text("utf-8"), what="what to do")
        time.sleep(3)  # a hot loop would have started several
        assert log.read_text("utf-8").count("no worker starts here for 60 s") == 1
        assert value(connection, alive) == 0
        assert supervisor.poll() is None
    finally:
        supervisor.terminate()
        background.kill()
        assert supervisor.wait(20) == 0
        background.wait()


def test_a_schema_that_is_behind_is_not_upgraded_on_someone_elses_server(
    connection: Connection, database_url: str
) -> None:
    set_version(connection, OLDER)
    with pytest.raises(SchemaBehind, match="pgdex db upgrade"):
        Client.open(settings_for(database_url))
    assert installed_version(connection) == OLDER
