"""Homes of embedded servers, and processes that use, crash and hinder them."""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg

from pgdex.jobs.database.embedded.paths import HomePaths
from pgdex.jobs.database.embedded.postmaster import postmaster as verified
from pgdex.jobs.database.embedded.programs import wheel_programs
from tests.support.waiting import wait_for

HOLD = (
    "import sys; from pathlib import Path; from pgdex.jobs.database.embedded.server import start_server; "
    "print(start_server(Path(sys.argv[1]), linger_seconds=float(sys.argv[2])), flush=True); sys.stdin.read()"
)
AS_ROOT = os.geteuid() == 0

Process = subprocess.Popen[str]


def beginning_user(home: Path, *, linger: float = 0, **variables: str) -> Process:
    """A process that is about to use the server until its input ends."""
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home), str(linger)],
        env=os.environ | variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def user_of(home: Path, *, linger: float = 0, **variables: str) -> Process:
    """The same; returns once the server answers it."""
    process = beginning_user(home, linger=linger, **variables)
    assert url_of(process).startswith("postgresql://")
    return process


def url_of(process: Process) -> str:
    """The address that it prints when the server answers it; what it complained about if it ended instead."""
    assert process.stdout is not None
    assert process.stderr is not None
    return process.stdout.readline().strip() or process.stderr.read()


def leave(process: Process) -> str:
    """Let a user go; returns what it said on stderr."""
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(30) == 0
    assert process.stderr is not None
    return process.stderr.read()


def pid_file(home: Path) -> Path:
    """The server's own file."""
    return home / "data" / "postmaster.pid"


def number(home: Path) -> int:
    """The server's process as its file has it."""
    return int(pid_file(home).read_text().split()[0])


def server(home: Path) -> psutil.Process | None:
    """The server's first process, if it lives."""
    return verified(HomePaths(home).data)


def crash(home: Path) -> None:
    """Kill all processes of the server at once, as a power failure does: its files stay as they are."""
    first = server(home)
    assert first is not None
    every = [first, *first.children()]
    first.suspend()  # so that it can't tidy up after the others
    for process in every[::-1]:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(every, timeout=20)
    wait_for(lambda: server(home) is None, what="the crash")


def commit_something(url: str) -> None:
    """A table that a recovery has to bring back."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create table kept as select generate_series(1, 1000) as n")


def is_there(url: str) -> bool:
    """Whether that table is."""
    with psycopg.connect(url) as connection:
        return connection.execute("select count(*) from kept").fetchone() == (1000,)


def copied_programs(folder: Path) -> Path:
    """The programs of the wheel as in another virtual environment: their folder."""
    installed = wheel_programs().parent
    package = installed.parent
    shutil.copytree(installed, folder / package.name / installed.name, symlinks=True)
    shutil.copytree(package.with_name(f"{package.name}.libs"), folder / f"{package.name}.libs")
    return folder / package.name / installed.name / "bin"


def keepers(home: Path) -> list[psutil.Process]:
    """The keepers of a home."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            command = process.cmdline()
            if str(home) in command and any("pgdex.jobs.database.embedded.keeper" in word for word in command):
                found.append(process)
    return found


def end_everything(home: Path) -> None:
    """The server of a home; its keeper ends too, then."""
    for process in psutil.process_iter(["name"]):
        with suppress(psutil.Error):
            if process.info["name"] == "postgres" and str(home / "data") in process.cmdline():
                os.kill(process.pid, signal.SIGQUIT)
