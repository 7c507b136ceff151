"""Forked processes of tests are what `subprocess` would have started: else what is tested with them says nothing."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support import preloaded
from tests.support.logins import PGDEX
from tests.support.preloaded import CHECKOUT, Forked, Process
from tests.support.waiting import wait_for

WAITING = (sys.executable, "-P", "-m", "http.server", "--bind", "127.0.0.1", "0")


@pytest.fixture
def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(CHECKOUT), "PGDEX_DATABASE_URL": "postgresql://me@db.example/code"}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, log: Path, environment: dict[str, str]
) -> Iterator[Process]:
    """One that runs until it is told to end."""
    monkeypatch.setattr(preloaded, "MODULES", {"http.server"})
    with log.open("wb") as output:
        file = output.fileno()
        process = preloaded.start(WAITING, folder=tmp_path, environment=environment, output=file, errors=file)
    assert isinstance(process, Forked) or sys.platform != "linux"
    yield process
    process.kill()
    process.wait()


def test_a_command_says_what_it_says_in_an_interpreter_of_its_own(environment: dict[str, str], tmp_path: Path) -> None:
    for arguments, code in ((["db", "url"], 0), (["--version"], 0), (["nonsense"], 2), (["status", "--no"], 2)):
        forked = preloaded.run([*PGDEX, *arguments], folder=tmp_path, environment=environment)
        fresh = subprocess.run(
            [*PGDEX, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert forked.returncode == fresh.returncode == code
        assert (forked.stdout, forked.stderr) == (fresh.stdout, fresh.stderr)
        assert forked.stdout or forked.stderr


def test_it_is_a_process_of_its_own_in_its_folder(process: Process, tmp_path: Path) -> None:
    seen = psutil.Process(process.pid)
    assert seen.cwd() == str(tmp_path)
    assert os.getpgid(process.pid) == os.getpgid(0), "a signal for the tests is for what they have started, too"
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.01)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_a_signal_that_ends_it_is_its_exit_code(process: Process, number: int) -> None:
    process.send_signal(number)
    assert process.wait(30) == process.poll() == process.returncode == -number
    process.send_signal(number)  # no one else gets it, who may have its number by now


def test_a_signal_that_comes_too_late_is_no_error(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    process.kill()
    if isinstance(process, Forked):
        wait_for(lambda: not psutil.pid_exists(process.pid), what="its end")
    monkeypatch.setattr(process, "poll", lambda: None)  # as where its end was not told yet
    process.send_signal(signal.SIGTERM)
    monkeypatch.undo()
    assert process.wait(30) == -signal.SIGKILL


def test_one_that_is_stopped_goes_on_when_it_is_told_to(process: Process) -> None:
    process.send_signal(signal.SIGSTOP)
    seen = psutil.Process(process.pid)
    wait_for(lambda: seen.status() == psutil.STATUS_STOPPED, what="the stop")
    process.terminate()
    assert process.poll() is None
    process.send_signal(signal.SIGCONT)
    assert process.wait(30) == -signal.SIGTERM


@pytest.mark.parametrize("is_heeded", [True, False])
def test_ctrl_c_counts_as_it_does_for_the_tests(is_heeded: bool, request: pytest.FixtureRequest, log: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler if is_heeded else signal.SIG_IGN)
    try:
        process: Process = request.getfixturevalue("process")
    finally:
        signal.signal(signal.SIGINT, before)
    seen = psutil.Process(process.pid)
    wait_for(lambda: seen.net_connections("inet4"), what="a server that listens")

    process.send_signal(signal.SIGINT)
    if not is_heeded:
        process.terminate()

    assert process.wait(30) == (0 if is_heeded else -signal.SIGTERM)
    assert ("Keyboard interrupt received" in log.read_text()) is is_heeded


def test_two_end_in_any_order(process: Process, tmp_path: Path, environment: dict[str, str]) -> None:
    with Path(os.devnull).open("wb") as output:
        file = output.fileno()
        second = preloaded.start(WAITING, folder=tmp_path, environment=environment, output=file, errors=file)
    second.kill()
    assert second.wait(30) == -signal.SIGKILL
    assert process.poll() is None
    process.kill()
    assert process.wait(30) == -signal.SIGKILL


def test_a_folder_that_is_not_there_is_an_error(environment: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises((ChildProcessError, FileNotFoundError)):
        preloaded.run([*PGDEX, "--version"], folder=tmp_path / "nowhere", environment=environment)


def test_processes_of_two_seeds_go_through_sets_in_different_orders(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], tmp_path: Path, log: Path
) -> None:
    monkeypatch.setattr(preloaded, "MODULES", {"timeit"})
    show = (sys.executable, "-P", "-m", "timeit", "-n", "1", "-r", "1", "-s", "print(hash('pgdex'))")
    for seed in (0, 0, 1, 1):
        with log.open("ab") as output:
            file = output.fileno()
            process = preloaded.start(
                show, folder=tmp_path, environment=environment, output=file, errors=file, seed=seed
            )
            assert process.wait(30) == 0
    first, again, second, second_again = [line for line in log.read_text().splitlines() if "loop" not in line]
    assert (first, second) == (again, second_again)
    assert first != second


@pytest.mark.parametrize("name", ["PYTHONHASHSEED", "LC_ALL", "LD_PRELOAD", "COVERAGE_PROCESS_START", "TZ"])
def test_what_counts_when_an_interpreter_starts_takes_an_interpreter(
    environment: dict[str, str], tmp_path: Path, name: str
) -> None:
    for changes in ({name: ""}, {name: "1", "PGDEX_HOME": str(tmp_path)}):
        with Path(os.devnull).open("wb") as output:
            process = preloaded.start(
                [*PGDEX, "--version"],
                folder=tmp_path,
                environment={key: text for key, text in environment.items() if key != name} | changes,
                output=output.fileno(),
                errors=output.fileno(),
            )
        process.wait(30)
        assert isinstance(process, subprocess.Popen)


def test_what_is_measured_by_coverage_is_an_interpreter_of_its_own(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], tmp_path: Path
) -> None:
    measured = environment | {"COVERAGE_PROCESS_CONFIG": ""}
    monkeypatch.setattr(preloaded, "_server_environment", lambda: measured)
    monkeypatch.setattr(preloaded, "_server", lambda _: pytest.fail("asked for a fork"))
    assert preloaded.run([*PGDEX, "--version"], folder=tmp_path, environment=measured).returncode == 0
