"""How git is run: its arguments and environment, its limits, and that nothing of it is left."""

import os
import time
from pathlib import Path

import psutil
import pytest

from pgdex.indexer.git import Git, GitAborted, GitTimedOut, Limits
from pgdex.indexer.git.running import Outcome, run


def program(folder: Path, script: str) -> Git:
    path = folder / "fake-git"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return Git(str(path), (2, 40))


def ran(folder: Path, script: str, *, stall: float = 30, total: float = 60) -> Outcome:
    limits = Limits(stall=stall, total=total)
    return run(program(folder, script), ["x"], folder=str(folder), in_repository=False, limits=limits)


def those_left(folder: Path) -> list[int]:
    """The processes that noted their numbers in `pids` and still run."""
    numbers = [int(line) for line in (folder / "pids").read_text().split()]
    return [pid for pid in numbers if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]


def test_what_git_prints_and_how_it_ends_is_told(tmp_path: Path) -> None:
    done = ran(tmp_path, "echo out; echo 'fatal: no' >&2; exit 3")
    assert (done.status, done.output, done.said) == (3, b"out\n", "fatal: no\n")


def test_a_large_output_on_both_pipes_is_no_deadlock(tmp_path: Path) -> None:
    done = ran(tmp_path, "head -c 3000000 /dev/zero; (head -c 3000000 /dev/zero | tr '\\0' 'e'; echo; echo end) >&2")
    assert len(done.output) == 3_000_000
    assert done.said.endswith("end\n")
    assert len(done.said) < 10_000


@pytest.mark.parametrize("script", ["", "trap '' TERM\n"])
def test_a_git_without_progress_is_killed_with_its_children(tmp_path: Path, script: str) -> None:
    script += f"echo $$ >> {tmp_path}/pids\n(trap '' TERM; sleep 300) &\necho $! >> {tmp_path}/pids\nsleep 300"
    began = time.monotonic()
    with pytest.raises(GitTimedOut, match="no progress for 1 s"):
        ran(tmp_path, script, stall=1)
    while those_left(tmp_path):  # a kill takes effect a moment later
        assert time.monotonic() - began < 20
        time.sleep(0.01)


def test_progress_keeps_it_alive_until_the_total_limit(tmp_path: Path) -> None:
    script = "while true; do echo working >&2; sleep 0.2; done"
    with pytest.raises(GitTimedOut, match="not done after 3 s"):
        ran(tmp_path, script, stall=1.5, total=3)


def test_a_pipe_that_somebody_keeps_open_is_not_waited_for(tmp_path: Path) -> None:
    """As ssh does that keeps its connection for later calls."""
    script = f"setsid sh -c 'echo $$ >> {tmp_path}/pids; exec sleep 20' &\nsleep 0.5; echo done"
    began = time.monotonic()
    done = ran(tmp_path, script)
    assert done.output == b"done\n"
    assert time.monotonic() - began < 10
    for pid in those_left(tmp_path):
        psutil.Process(pid).kill()


def test_an_abort_is_noticed_while_git_is_silent(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(GitAborted):
        run(
            program(tmp_path, "sleep 60"),
            [],
            folder=str(tmp_path),
            in_repository=False,
            aborted=lambda: time.monotonic() - began > 0.5,
        )
    assert time.monotonic() - began < 10


def test_git_has_no_terminal_no_input_and_only_the_users_own_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", "/elsewhere")
    monkeypatch.setenv("GIT_SSH_COMMAND", "ssh -i key")
    monkeypatch.setenv("GIT_SSL_CAINFO", "/ca.pem")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/agent")
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setenv("LANGUAGE", "de")
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    git = program(tmp_path, "env -0; cat; (: < /dev/tty) 2>/dev/null && echo terminal; exit 0")

    done = run(git, [], folder=str(tmp_path), in_repository=False, protocols="https:ssh")

    seen = dict(line.split("=", 1) for line in done.output.decode().split("\0") if "=" in line)
    assert "terminal" not in done.output.decode().rsplit("\0", 1)[1]
    assert not {"GIT_DIR", "DISPLAY", "LANGUAGE"} & seen.keys()
    assert seen["GIT_SSH_COMMAND"] == "ssh -i key"
    assert seen["GIT_SSL_CAINFO"] == "/ca.pem"
    assert seen["SSH_AUTH_SOCK"] == "/agent"
    assert seen["https_proxy"] == "http://proxy:3128"
    assert seen["GIT_ALLOW_PROTOCOL"] == "https:ssh"
    assert seen["GIT_TERMINAL_PROMPT"] == "0"
    assert seen["LC_ALL"] == "C"


def test_no_protocol_is_allowed_unless_it_is_named(tmp_path: Path) -> None:
    assert Git.find().environment(folder=str(tmp_path), in_repository=True)["GIT_ALLOW_PROTOCOL"] == ""


def test_no_descriptor_is_left(tmp_path: Path) -> None:
    ran(tmp_path, "exit 0")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        ran(tmp_path, "echo x; exit 1")
    assert len(os.listdir("/proc/self/fd")) == before
