"""A server that recovers after a crash: commands wait for it and say so."""

import subprocess
import time
from pathlib import Path

import psutil
import pytest

from pgdex.jobs.database.embedded.server import is_running, start_server
from pgdex.jobs.errors import DatabaseUnavailable
from tests.integration.embedded.homes import (
    beginning_user,
    commit_something,
    crash,
    is_there,
    leave,
    url_of,
)


def recovering(home: Path) -> tuple[psutil.Process, "subprocess.Popen[str]"]:
    """The process that recovers a server after a crash, stopped in the middle; and the command that waits for it."""
    user = beginning_user(home, linger=60)
    commit_something(url_of(user))
    for _ in range(5):
        crash(home)
        waiting = beginning_user(home)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and waiting.stdout is not None:
            for process in psutil.process_iter(["name"]):
                if process.info["name"] != "postgres":
                    continue
                try:
                    command = process.cmdline()
                    if command and command[0].startswith("postgres: startup") and in_home(process, home):
                        process.suspend()
                        leave(user)
                        return process, waiting
                except psutil.Error:
                    continue
            if is_running(home):
                break
        leave(waiting)
    pytest.skip("the recovery was too quick to be stopped")


def in_home(process: psutil.Process, home: Path) -> bool:
    return process.cwd() == str(home / "data")


def test_commands_wait_for_a_recovery_and_say_what_is_going_on(home: Path) -> None:
    startup, first = recovering(home)
    try:
        with pytest.raises(DatabaseUnavailable, match=r"not ready after \d s.*(recovering|starting up)"):
            start_server(home, linger_seconds=0, patience_seconds=1)
        second = beginning_user(home)
        with pytest.raises(subprocess.TimeoutExpired):
            second.wait(4)
    finally:
        startup.resume()

    for waiting in (first, second):
        url = url_of(waiting)
        assert url.startswith("postgresql://"), url
        assert is_there(url)
        said = leave(waiting)
        assert "recovering after a crash or a power failure, and will be ready soon" in said or "starting up" in said
