"""What a crash leaves behind: a number that belongs to someone else now, torn files, sockets. None of it stops a
start, and nothing that is not the server gets a signal."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pgdex.jobs.database.embedded.server import is_running, start_server, stop_server
from pgdex.jobs.errors import DatabaseUnavailable
from tests.integration.embedded.homes import (
    AS_ROOT,
    beginning_user,
    commit_something,
    crash,
    is_there,
    leave,
    number,
    pid_file,
    server,
    url_of,
    user_of,
)
from tests.support.waiting import wait_for


@pytest.fixture
def crashed(home: Path) -> Path:
    """A home whose server was killed, with something committed in it."""
    user = beginning_user(home, linger=60)
    commit_something(url_of(user))
    crash(home)
    leave(user)
    return home


def other_process(home: Path, *, as_the_servers_user: bool) -> "subprocess.Popen[bytes]":
    """Someone's program."""
    owner = (home / "data").stat()
    user, group = (owner.st_uid, owner.st_gid) if as_the_servers_user and AS_ROOT else (None, None)
    return subprocess.Popen(["sleep", "600"], cwd="/", user=user, group=group)


@pytest.fixture(params=[True, False], ids=["of the same user", "of another user"])
def stranger(crashed: Path, request: pytest.FixtureRequest) -> Iterator["subprocess.Popen[bytes]"]:
    process = other_process(crashed, as_the_servers_user=request.param)
    yield process
    process.kill()
    process.wait()


def with_number(home: Path, pid: int) -> None:
    """Let the file name another process, and all else as it was."""
    rest = pid_file(home).read_text().partition("\n")[2]
    pid_file(home).write_text(f"{pid}\n{rest}")


def test_a_number_that_is_someone_elses_now_hurts_neither_that_process_nor_the_start(
    crashed: Path, stranger: "subprocess.Popen[bytes]"
) -> None:
    with_number(crashed, stranger.pid)
    assert not is_running(crashed)
    stop_server(crashed)

    url = start_server(crashed, linger_seconds=0)

    assert stranger.poll() is None
    assert number(crashed) != stranger.pid
    assert is_there(url)


def test_the_numbers_of_this_process_and_its_parent_are_no_server_either(crashed: Path) -> None:
    for pid in (os.getpid(), os.getppid(), 1):
        with_number(crashed, pid)
        stop_server(crashed)
        url = start_server(crashed, linger_seconds=0)
        assert is_there(url)
        crash(crashed)


@pytest.mark.parametrize("content", [b"", b"\0\0\0\0", b"123", b"not a number\n\n\n", b"-20985\n", b"\xff\xfe\n" * 8])
def test_a_torn_file_is_no_server(crashed: Path, content: bytes) -> None:
    pid_file(crashed).write_bytes(content)
    assert is_there(start_server(crashed, linger_seconds=0))


def test_a_server_of_another_home_is_not_taken_for_ours(
    crashed: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = Path(tempfile.mkdtemp(prefix="pgdex-other-", dir="/tmp"))
    other.chmod(0o755)
    user = user_of(other)
    try:
        pid_file(crashed).write_text(pid_file(other).read_text())

        assert is_there(start_server(crashed, linger_seconds=0))
        stop_server(crashed)

        assert is_running(other)
    finally:
        leave(user)
        wait_for(lambda: not is_running(other), what="the other server's end")
        shutil.rmtree(other, ignore_errors=True)


def test_a_copy_of_a_home_whose_server_runs_is_not_served_by_it(home: Path) -> None:
    copy = home / "copy"
    first = beginning_user(home / "one", linger=0)
    commit_something(url_of(first))
    running = number(home / "one")
    shutil.copytree(home / "one" / "data", copy / "data", ignore=shutil.ignore_patterns(".s.*"))
    owner = (home / "one" / "data").stat()
    if AS_ROOT:
        subprocess.run(["chown", "-R", f"{owner.st_uid}:{owner.st_gid}", copy / "data"], check=True)
    (copy / "data").chmod(0o700)

    second = user_of(copy)

    assert number(copy) != running
    assert number(home / "one") == running
    assert is_running(home / "one")
    leave(second)
    leave(first)


def test_a_server_whose_socket_was_removed_is_replaced(home: Path) -> None:
    first = beginning_user(home, linger=60)
    commit_something(url_of(first))
    before = number(home)
    for file in (home / "run").iterdir():
        file.unlink()
    assert not is_running(home)

    second = user_of(home, linger=0)

    assert number(home) != before
    assert server(home) is not None
    leave(second)
    leave(first)


def test_processes_of_a_server_that_run_on_without_their_first_one_are_waited_for(home: Path) -> None:
    """Two servers on one data folder would destroy it."""
    leave(user_of(home, linger=60))
    first = server(home)
    assert first is not None
    children = first.children()
    stopped = children[0]
    stopped.suspend()
    first.kill()
    wait_for(lambda: server(home) is None, what="the end of the first process")
    waiting = beginning_user(home)
    with pytest.raises(subprocess.TimeoutExpired):
        waiting.wait(1)
    assert server(home) is None

    stopped.resume()

    assert url_of(waiting).startswith("postgresql://")
    leave(waiting)


def test_a_start_that_was_killed_does_not_hinder_the_next(home: Path) -> None:
    for seconds in (0.15, 0.3, 0.5, 0.8):
        begun = beginning_user(home)
        with pytest.raises(subprocess.TimeoutExpired):
            begun.wait(seconds)
        begun.kill()
        begun.wait()
    leave(user_of(home))


def test_what_initdb_left_half_done_is_made_again(home: Path) -> None:
    half = home / "data.unfinished"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    (half / "postmaster.pid").write_text("-20985\n")  # as initdb's own server leaves it

    leave(user_of(home))

    assert not half.exists()


def test_a_folder_that_is_no_database_is_not_touched(home: Path) -> None:
    (home / "data").mkdir()
    (home / "data" / "thesis.txt").write_text("the only copy")

    with pytest.raises(DatabaseUnavailable, match="is not empty and holds no PostgreSQL database"):
        start_server(home)

    assert (home / "data" / "thesis.txt").read_text() == "the only copy"
