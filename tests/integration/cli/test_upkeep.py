"""`pgdex stop`, `config`, `logs`, `size` and `uninstall`, as someone uses them who has pgdex's own server."""

import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pgdex.jobs.cli.exit_codes import ExitCode
from pgdex.jobs.database.connection import Connection
from tests.integration.cli.commands import Environment, Run, pgdex
from tests.integration.embedded.homes import HOLD, end_everything
from tests.support.logins import run_pgdex as embedded
from tests.support.waiting import wait_for


@pytest.fixture
def home() -> Iterator[Path]:
    """A PGDEX_HOME that root's server can enter too; nothing runs in it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="pgdex-upkeep-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    end_everything(folder)
    shutil.rmtree(folder, ignore_errors=True)


def users_of(home: Path) -> list[str]:
    """The command lines of processes with this PGDEX_HOME."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("PGDEX_HOME") == str(home) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


def test_everything_in_the_background_is_stopped_and_then_deleted(home: Path, repository: Path) -> None:
    (home / "mine.txt").touch()
    indexed = embedded("index", str(repository), home=home)
    assert indexed.code == ExitCode.DONE, indexed.err
    assert any(" worker" in line for line in users_of(home))

    sizes = json.loads(embedded("size", "--json", home=home).out)
    assert {part["kind"] for part in sizes["parts"]} >= {"index", "logs", "locks"}
    assert next(one["name"] for one in sizes["database"]["repositories"]) == "sources"
    assert sizes["database"]["bytes"] > sizes["database"]["schema_bytes"] > 0
    logged = embedded("logs", "--of", "workers", "-n", "20", home=home)
    assert "batch done" in logged.out
    entries = [json.loads(line) for line in embedded("logs", "--json", home=home).out.splitlines()]
    assert {entry["source"] for entry in entries} == {"workers", "server"}
    assert not [entry for entry in entries if "does not exist" in entry["message"]], "of a schema that is not there yet"
    assert all(entry["time"] for entry in entries)

    stopped = embedded("stop", "--json", home=home)
    assert stopped.code == ExitCode.DONE, stopped.err
    document = json.loads(stopped.out)
    assert {one["kind"] for one in document["stopped"]} == {"supervisor", "worker"}
    assert document["embedded_server_stopped"]
    assert users_of(home) == []
    assert not (home / "data" / "postmaster.pid").exists()
    again = embedded("stop", home=home)
    assert (again.code, again.out) == (ExitCode.DONE, "")
    assert "nothing to stop" in again.err

    shown = embedded("uninstall", home=home)
    assert "Nothing was deleted" in shown.err
    assert embedded("uninstall", "--purge", home=home).code == ExitCode.USAGE
    assert (home / "data").exists()
    assert embedded("uninstall", "--purge", "--yes", home=home).code == ExitCode.DONE
    assert [path.name for path in home.iterdir()] == ["mine.txt"]
    assert (repository / "src").exists()


def test_a_server_in_another_container_is_neither_stopped_nor_deleted_under_it(home: Path) -> None:
    container = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if shutil.which("unshare") is None or subprocess.run([*container, "true"], check=False).returncode:
        pytest.skip("needs Linux and root, and a container that lets root make others")
    other = subprocess.Popen(
        [*container, sys.executable, "-c", HOLD, str(home), "60"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert other.stdout is not None
        assert other.stdout.readline().startswith("postgresql://")
        for command in (["stop"], ["uninstall", "--purge", "--yes"]):
            done = embedded(*command, home=home)
            assert done.code == ExitCode.DATABASE, done.err
            assert "in another container" in done.err
        assert embedded("list", home=home).code == ExitCode.DONE, "it can be used from here"
    finally:
        other.kill()
        other.wait()


def test_workers_on_a_database_elsewhere_are_stopped_and_those_of_other_homes_are_not(
    run_pgdex: Run, environment: Environment, connection: Connection, tmp_path: Path
) -> None:
    elsewhere = environment | {"PGDEX_HOME": str(tmp_path / "other-home")}
    processes = [
        subprocess.Popen(pgdex("worker", "--processes", "1"), env=env, stderr=subprocess.DEVNULL)
        for env in (environment, elsewhere)
    ]
    ours, theirs = processes
    try:
        folders = [Path(one["PGDEX_HOME"]) for one in (environment, elsewhere)]
        wait_for(lambda: all(len(users_of(folder)) == 2 for folder in folders), what="a worker process each")

        stopped = run_pgdex("stop")

        assert stopped.code == ExitCode.DONE, stopped.err
        assert f"1 supervisor of workers (process {ours.pid})" in stopped.out
        assert "PostgreSQL" not in stopped.out
        assert ours.wait(10) in (0, -signal.SIGTERM)
        assert theirs.poll() is None
        assert connection.execute("select 1").fetchone() == (1,)
    finally:
        for process in processes:
            process.terminate()
            process.wait(30)


def test_the_settings_in_force_are_shown_though_one_of_them_is_wrong(run_pgdex: Run) -> None:
    shown = run_pgdex("config", env={"PGDEX_SLOTS": "many", "PGDEX_DATABASE_URL": "postgresql://me:s3cret@db/code"})
    assert shown.code == ExitCode.USAGE
    assert "postgresql://me@db/code" in shown.out
    assert "s3cret" not in shown.out + shown.err
    assert "PGDEX_SLOTS can't be used" in shown.err

    document = run_pgdex("config", "--json", "--changed").json
    assert document["ok"]
    assert "PGDEX_HOME" in {one["variable"] for one in document["settings"]}
    assert "PGDEX_WATCH" not in {one["variable"] for one in document["settings"]}


def test_sizes_are_told_of_a_database_elsewhere_and_an_outage_does_not_hide_the_folders(
    run_pgdex: Run, connection: Connection
) -> None:
    assert run_pgdex("size", "--json").json["database"]["schema_bytes"] > 0
    away = run_pgdex("size", env={"PGDEX_DATABASE_URL": "postgresql://me@127.0.0.1:1/code"})
    assert away.code == ExitCode.DATABASE
    assert "can't be told" in away.err
