"""A database that takes no writes (a replica, a primary that another one has taken over from): what can be done is
done, and everything else says what the matter is and what to do."""

import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import pgdex
from pgdex.jobs.cli.exit_codes import ExitCode
from pgdex.jobs.client.client import Client
from pgdex.jobs.database.embedded.server import stop_server
from pgdex.jobs.database.outages import READ_ONLY
from pgdex.jobs.database.schema import upgrade
from pgdex.jobs.errors import DatabaseUnavailable
from pgdex.jobs.settings import Settings
from pgdex.jobs.watching import Watcher
from tests.integration.cli.commands import Run
from tests.support.databases import settings_for
from tests.support.pgbouncer import PROGRAM, pgbouncer
from tests.support.replicas import replica_in
from tests.support.trees import python_tree
from tests.support.waiting import wait_for, wait_for_end
from tests.support.workers import Workers, workers_on


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the replica has in its index."""
    return python_tree(tmp_path_factory.mktemp("replicated").resolve() / "tree", count=3)


@pytest.fixture(scope="module")
def database_url(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The replica's."""
    home = Path(tempfile.mkdtemp(prefix="pgdex-home-", dir="/tmp"))
    home.chmod(0o755)

    def fill(url: str) -> None:
        with (
            workers_on(url, tmp_path_factory.mktemp("workers"), count=1) as workers,
            Client.open(settings_for(url, embedder="hashing")) as client,
        ):
            assert wait_for_end(client, client.start(folder).job_id, workers=workers).status == "completed"

    yield replica_in(home, fill=fill)
    stop_server(home, mode="immediate")
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def configuration() -> dict[str, object]:
    """The embedder of the index."""
    return {"embedder": "hashing"}


@pytest.fixture
def settings(database_url: str, configuration: dict[str, object], tmp_path: Path) -> Settings:
    return settings_for(database_url, home=tmp_path / "home", **configuration)


@pytest.mark.parametrize(
    "command", [["list"], ["repos"], ["search", "load thing", "--limit", "1"], ["search", "--all", "load thing"]]
)
def test_what_only_reads_works(run_pgdex: Run, folder: Path, command: list[str]) -> None:
    (folder / "later.py").write_text("def later(): pass\n")  # what can't be indexed is no reason not to answer
    done = run_pgdex(*command, cwd=folder)
    assert done.code == ExitCode.DONE, done.err
    assert "tree" in done.out or "load_" in done.out


@pytest.mark.parametrize(
    "command",
    [
        ["index", "."],
        ["cancel", "last", "--yes"],
        ["remove", "tree", "--yes"],
        ["rename", "tree", "other"],
        ["schedule", "tree", "0 3 * * *"],
    ],
)
def test_a_command_that_changes_something_says_what_the_matter_is(
    run_pgdex: Run, folder: Path, command: list[str]
) -> None:
    done = run_pgdex(*command, cwd=folder)
    assert done.code == ExitCode.DATABASE, done.err
    assert "takes no writes" in done.err
    assert "CONTEXT" not in done.err


@pytest.mark.skipif(PROGRAM is None, reason="PgBouncer is not installed")
@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_a_pooler_between_changes_nothing(run_pgdex: Run, database_url: str, folder: Path, mode: str) -> None:
    with pgbouncer(database_url, mode, ignore_startup_parameters="extra_float_digits,options") as url:
        found = run_pgdex("search", "load thing", cwd=folder, env={"PGDEX_DATABASE_URL": url})
        refused = run_pgdex("index", ".", cwd=folder, env={"PGDEX_DATABASE_URL": url})
    assert found.code == ExitCode.DONE, found.err
    assert "load_" in found.out
    assert refused.code == ExitCode.DATABASE
    assert "takes no writes" in refused.err


def test_the_doctor_finds_it(run_pgdex: Run) -> None:
    done = run_pgdex("doctor")
    assert done.code == ExitCode.FAILED
    assert "The database takes no writes" in " ".join(done.out.split())


def test_a_program_gets_an_error_that_says_so(database_url: str, folder: Path) -> None:
    with pgdex.connect(database_url, start_workers=False) as px:
        assert px.search("load thing").hits
        with pytest.raises(DatabaseUnavailable, match="takes no writes"):
            px.start(folder)


def test_an_upgrade_says_so(settings: Settings) -> None:
    with pytest.raises(DatabaseUnavailable, match="takes no writes"):
        upgrade(settings)


def test_a_worker_waits_and_says_for_what(workers: Workers) -> None:
    (worker,) = workers.start()
    wait_for(lambda: READ_ONLY in workers.logs(), what="a reason")
    assert "Database error" not in workers.logs()
    assert worker.poll() is None


def test_a_watcher_waits_and_says_for_what_once(folder: Path, settings: Settings) -> None:
    told: list[str] = []
    watcher = Watcher(folder, project="default", settings=settings, tells=lambda news: told.append(news.text))
    thread = threading.Thread(target=watcher.run)
    thread.start()
    try:
        wait_for(lambda: told, what="a word")
        time.sleep(3)  # five tries
    finally:
        watcher.stop()
        thread.join()
    assert len(told) == 1
    assert "takes no writes" in told[0]
