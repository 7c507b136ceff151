"""Who may use the embedded server: its user, the owner of the home, root; nobody else on the machine."""

import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pgdex.jobs.database.embedded import programs, sockets
from pgdex.jobs.database.embedded.answers import SOCKET_NAME
from pgdex.jobs.database.embedded.paths import HomePaths
from pgdex.jobs.database.embedded.server import start_server, stop_server
from pgdex.jobs.database.embedded.sockets import is_ours, usual_folder
from pgdex.jobs.errors import DatabaseUnavailable
from tests.integration.embedded.homes import AS_ROOT, copied_programs, crash, leave, server, user_of

NOBODY = 65534
needs_root = pytest.mark.skipif(not AS_ROOT, reason="needs a second user")


@pytest.fixture(params=["short", "long"])
def somewhere(home: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A home with its socket inside, and one whose path is too long for that."""
    chosen = home / ("h" if request.param == "short" else "department-of-computing/" * 4 + "pgdex")
    chosen.mkdir(parents=True)
    for folder in [chosen, *chosen.parents][:6]:
        if folder.is_relative_to(home):
            folder.chmod(0o755)
    yield chosen
    stop_server(chosen)


def socket_of(url: str) -> Path:
    with psycopg.connect(url) as connection:
        row = connection.execute("show unix_socket_directories").fetchone()
    assert row is not None
    return Path(row[0].strip('"'))


@needs_root
def test_another_user_of_the_machine_can_not_connect(somewhere: Path) -> None:
    url = start_server(somewhere, linger_seconds=0)
    folder = socket_of(url)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / SOCKET_NAME).stat().st_mode) == 0o700

    for opened in (False, True):  # the permissions alone, and the login alone
        if opened:
            for path in (folder, folder / SOCKET_NAME):
                path.chmod(0o777)
        done = subprocess.run(
            [
                "setpriv",
                f"--reuid={NOBODY}",
                f"--regid={NOBODY}",
                "--clear-groups",
                "psql",
                "-X",
                url,
                "-c",
                "select 1",
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
        )
        assert done.returncode != 0
        assert ("Peer authentication failed" if opened else "Permission denied") in done.stderr


@needs_root
def test_the_server_runs_without_roots_groups(home: Path) -> None:
    before = os.getgroups()
    os.setgroups([0, 4])
    try:
        start_server(home, linger_seconds=0)
    finally:
        os.setgroups(before)
    process = server(home)
    assert process is not None
    status = Path(f"/proc/{process.pid}/status").read_text()
    groups = next(line for line in status.splitlines() if line.startswith("Groups:"))
    assert groups.split()[1:] == []
    assert 0 not in process.uids()
    assert 0 not in process.gids()


def test_a_database_of_earlier_times_that_let_everyone_in_is_closed_at_the_next_start(home: Path) -> None:
    start_server(home, linger_seconds=0)
    stop_server(home)
    owner = (home / "data").stat()
    victim = home / "victim"
    victim.write_text("untouched")
    (home / "data" / "pg_ident.conf").unlink()
    (home / "data" / "pg_ident.conf").symlink_to(victim)  # who owns the data must not make root write elsewhere
    (home / "data" / "pg_hba.conf").write_text("local all all trust\nhost all all 127.0.0.1/32 trust\n")

    with psycopg.connect(start_server(home, linger_seconds=0)) as connection:
        rules = connection.execute("select type, auth_method from pg_hba_file_rules").fetchall()

    assert rules == [("local", "peer")]
    assert victim.read_text() == "untouched"
    assert (home / "data" / "pg_ident.conf").stat().st_uid == owner.st_uid


@needs_root
def test_a_socket_folder_that_someone_else_made_is_not_used(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "_runtime_folder", lambda: home)
    long = home / ("x" * 90)
    long.mkdir(mode=0o755)
    trap = usual_folder(HomePaths(long))
    for kind in ("folder", "link", "open"):
        if kind == "link":
            (home / "elsewhere").mkdir()
            os.chown(home / "elsewhere", NOBODY, NOBODY)
            trap.symlink_to(home / "elsewhere")
        else:
            trap.mkdir(mode=0o777)
            trap.chmod(0o777 if kind == "open" else 0o700)
            if kind == "folder":
                os.chown(trap, NOBODY, NOBODY)

        folder = socket_of(start_server(long, linger_seconds=0))

        assert folder != trap
        assert is_ours(folder, HomePaths(long))
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        crash(long)
        if trap.is_symlink():
            trap.unlink()
        else:
            shutil.rmtree(trap)


@needs_root
def test_as_root_a_home_that_the_servers_user_cannot_reach_is_refused_and_nothing_is_opened_up(home: Path) -> None:
    private = home / "private"
    private.mkdir(mode=0o700)

    with pytest.raises(DatabaseUnavailable, match="closed to other users"):
        start_server(private / "pgdex")

    assert stat.S_IMODE(private.stat().st_mode) == 0o700


@needs_root
def test_as_root_no_other_folder_changes_its_permissions(home: Path) -> None:
    wheel = programs.wheel_programs().parents[1]
    watched = [*home.parents, wheel, *wheel.parents, *wheel.rglob("*")]
    before = {path: path.stat().st_mode for path in watched if path.exists()}
    home.chmod(0o700)

    leave(user_of(home))

    assert {path: path.stat().st_mode for path in before} == before
    assert stat.S_IMODE(home.stat().st_mode) == 0o711, "through, but not to look around"


@needs_root
def test_as_root_programs_in_a_private_folder_are_copied_to_where_the_servers_user_can_run_them(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = home / "private"
    private.mkdir(mode=0o700)
    (home / "home").mkdir(mode=0o755)
    (home / "home" / "server-0.0.1").mkdir()
    copied = copied_programs(private)
    monkeypatch.setattr(programs, "wheel_programs", lambda: copied)

    with psycopg.connect(start_server(home / "home", linger_seconds=0)) as connection:
        connection.execute("create extension vector")

    process = server(home / "home")
    assert process is not None
    assert process.exe().startswith(f"{home}/home/server-")
    assert not (home / "home" / "server-0.0.1").exists(), "that of an earlier version is gone"
    stop_server(home / "home")


@needs_root
def test_root_in_someone_elses_home_runs_the_server_as_that_user_and_leaves_nothing_closed_to_them(home: Path) -> None:
    (home / "theirs").mkdir(mode=0o700)
    os.chown(home / "theirs", NOBODY, NOBODY)

    start_server(home / "theirs", linger_seconds=0)

    process = server(home / "theirs")
    assert process is not None
    assert process.uids().real == NOBODY
    stop_server(home / "theirs")
    assert {path.stat().st_uid for path in (home / "theirs").iterdir()} == {NOBODY}
