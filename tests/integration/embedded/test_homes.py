"""Odd homes and environments: the server starts in them, or a message says why not and what to do."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pgdex.jobs.cli.exit_codes import ExitCode
from pgdex.jobs.database.embedded import programs
from pgdex.jobs.database.embedded.paths import HomePaths
from pgdex.jobs.database.embedded.server import is_running, start_server, stop_server
from pgdex.jobs.database.embedded.sockets import fits
from pgdex.jobs.errors import DatabaseUnavailable
from tests.integration.embedded.homes import (
    AS_ROOT,
    beginning_user,
    commit_something,
    copied_programs,
    is_there,
    leave,
    number,
    server,
    url_of,
    user_of,
)
from tests.support.logins import CHECKOUT, PATIENCE_SECONDS, PGDEX, run_pgdex
from tests.support.waiting import wait_for

NOBODY, UNNAMED = 65534, 54321
VERSION = "import sys; sys.exit(sys.version_info[1])"
ODD_NAMES = [
    "Application Support/pgdex",
    'it\'s "quoted"',
    "größe-日本",
    "`touch x`$(touch y)",
    "back\\slash",
    "100%s %p",
    "a,b",
    "-D",
    "@abstract;#?&=",
    "deep/" + "folder-of-someone/" * 6 + "pgdex",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_home_may_have_any_name(home: Path, name: str) -> None:
    odd = home / name
    odd.mkdir(parents=True)
    for folder in [odd, *odd.parents][: len(Path(name).parts)]:
        folder.chmod(0o755)
    user = beginning_user(odd)
    url = url_of(user)
    assert url.startswith("postgresql://"), url
    with psycopg.connect(url) as connection:
        assert connection.execute("show data_directory").fetchone() == (str(odd / "data"),)
        connection.execute("create extension vector")
    leave(user)
    wait_for(lambda: not is_running(odd), what="the server's end", seconds=20)
    assert sorted(path.name for path in home.iterdir()) == [Path(name).parts[0]], "no shell has read it"


def test_nothing_of_the_users_environment_reaches_the_server(home: Path) -> None:
    user = beginning_user(
        home,
        LANG="xx_YY.UTF-8",
        LC_ALL="xx_YY.UTF-8",
        TZ="Nowhere/Else",
        PGDATA="/nonexistent",
        PGPORT="99999",
        PGHOST="elsewhere.invalid",
        PGOPTIONS="-c nonsense=1",
        PGSERVICE="nowhere",
        PGUSER="nobody",
        PGSSLMODE="verify-full",
        PGDEX_EMBEDDER_API_KEY="secret",
        HOME="/nonexistent",
        XDG_RUNTIME_DIR="/nonexistent",
        TMPDIR="/nonexistent",
    )
    url = url_of(user)
    assert url.startswith("postgresql://"), url
    process = server(home)
    assert process is not None
    assert not {name for name in process.environ() if name.startswith(("PGDEX_", "PGOPT", "PGSERV", "TZ", "LANG"))}
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "select datlocprovider, datlocale, pg_encoding_to_char(encoding), lower('ÄÖ') from pg_database limit 1"
        ).fetchone()
    assert row == ("b", "C.UTF-8", "UTF8", "äö")
    leave(user)


@pytest.mark.parametrize("name", ["file/pgdex", "file", "proc"])
def test_a_home_that_can_not_be_made_is_a_message(home: Path, name: str) -> None:
    (home / "file").touch()
    chosen = Path("/proc/nonexistent/pgdex") if name == "proc" else home / name

    done = run_pgdex("list", home=chosen)

    assert done.code == 3
    assert f"the folder '{chosen}' for pgdex's data can't be used" in done.err
    assert "Set PGDEX_HOME to a folder" in done.err


def test_a_home_with_a_line_break_in_its_name_is_refused(home: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match="control character"):
        start_server(home / "one\ntwo")


def test_a_home_that_was_removed_while_its_server_ran_gets_a_new_one(home: Path) -> None:
    first = user_of(home / "home", linger=60)
    old = server(home / "home")
    assert old is not None
    shutil.rmtree(home / "home", ignore_errors=True)
    (home / "home").mkdir(mode=0o755)

    url = start_server(home / "home", linger_seconds=0)

    wait_for(lambda: not old.is_running(), what="the old server's end", seconds=20)
    with psycopg.connect(url) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    leave(first)
    stop_server(home / "home")


def test_a_home_that_was_moved_while_its_server_ran_is_served_by_it(home: Path) -> None:
    first = beginning_user(home / "one", linger=60)
    commit_something(url_of(first))
    before = number(home / "one")
    (home / "one").rename(home / "two")

    assert is_there(start_server(home / "two", linger_seconds=0))

    assert number(home / "two") == before
    leave(first)
    stop_server(home / "two")


@pytest.fixture
def small_disk(home: Path) -> Iterator[Path]:
    """A file system of 24 MB, on which initdb finds no room."""
    if not AS_ROOT:
        pytest.skip("only root can mount a file system")
    folder = home / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=755", "tmpfs", folder], check=False)
    if mounted.returncode != 0:
        pytest.skip("this container does not let root mount a file system")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_full_disk_is_said_and_there_is_a_database_when_there_is_room(small_disk: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match="the disk is full"):
        start_server(small_disk)
    subprocess.run(["mount", "-o", "remount,size=400m", small_disk], check=True)

    url = start_server(small_disk, linger_seconds=0)

    commit_something(url)
    assert is_there(url)
    stop_server(small_disk)


def test_full_shared_memory_is_no_full_disk(home: Path) -> None:
    tiny = 'mount -t tmpfs -o size=64k tmpfs /dev/shm && exec "$@"'
    if not AS_ROOT or subprocess.run(["unshare", "-m", "sh", "-c", tiny, "sh", "true"], check=False).returncode:
        pytest.skip("only root can mount a file system, and not in every container")
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", tiny, "sh", *PGDEX, "list"],
        env=os.environ | {"PGDEX_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == ExitCode.DATABASE
    assert "/dev/shm, which it needs for shared memory, is full or too small" in " ".join(done.stderr.split())


@pytest.mark.parametrize(("options", "said"), [("ro", "Read-only file system"), ("noexec", "noexec")])
def test_a_file_system_that_does_not_let_it_is_named(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch, options: str, said: str
) -> None:
    subprocess.run(["mount", "-o", "remount,size=400m", small_disk], check=True)
    if options == "noexec":  # programs that only root can reach are copied to the home
        monkeypatch.setattr(programs, "_is_open", lambda *_: False)
    subprocess.run(["mount", "-o", f"remount,{options}", small_disk], check=True)

    with pytest.raises(DatabaseUnavailable, match=said):
        start_server(small_disk)


@pytest.mark.skipif(not AS_ROOT, reason="needs a second user")
@pytest.mark.parametrize(
    ("uid", "variables", "said"),
    [
        (NOBODY, {"PGDEX_HOME": "HOME/theirs"}, "belongs to the OS user pgserver, and you are nobody"),
        (
            NOBODY,
            {"HOME": "/nonexistent"},
            "the folder '/nonexistent/.local/share/pgdex' for pgdex's data can't be used",
        ),
        (UNNAMED, {}, "the folder '/nonexistent/pgdex' for pgdex's data can't be used"),
        (UNNAMED, {"PGDEX_HOME": "HOME/mine"}, "has no name on this machine"),
        (UNNAMED, {"PGDEX_HOME": "~nosuchuser/x"}, "PGDEX_HOME is not usable: "),
    ],
)
def test_what_stands_in_the_way_of_a_user_is_said(home: Path, uid: int, variables: dict[str, str], said: str) -> None:
    program = shutil.which("python3", path="/usr/bin:/bin")  # this one may lie where only root gets
    packages = str(Path(psycopg.__file__).parents[1])
    if program is None or subprocess.run([program, "-c", VERSION], check=False).returncode != sys.version_info[1]:
        pytest.skip("no Python of this version that another user can run")
    if "HOME/theirs" in variables.values():
        start_server(home / "theirs", linger_seconds=0)
        stop_server(home / "theirs")
        (home / "theirs").chmod(0o777)
    home.chmod(0o777)
    done = subprocess.run(
        [
            "setpriv",
            f"--reuid={uid}",
            f"--regid={uid}",
            "--clear-groups",
            program,
            "-P",
            "-m",
            "pgdex.jobs.cli",
            "list",
        ],
        env={"PYTHONPATH": f"{packages}:{CHECKOUT}", "PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
        | {name: value.replace("HOME/", f"{home}/") for name, value in variables.items()},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert said in done.stderr
    assert "unexpected" not in done.stderr


def test_the_data_of_another_major_version_is_refused_with_what_to_do(home: Path) -> None:
    leave(user_of(home))
    wait_for(lambda: not is_running(home), what="the server's end", seconds=20)
    (home / "data" / "PG_VERSION").write_text("16\n")

    with pytest.raises(
        DatabaseUnavailable, match=r"made by PostgreSQL 16, and this pgdex brings PostgreSQL 18.*pgdex db restore"
    ):
        start_server(home)

    (home / "data" / "PG_VERSION").write_text("")
    with pytest.raises(DatabaseUnavailable, match="PG_VERSION is empty"):
        start_server(home)


def test_two_versions_of_the_programs_share_the_server_that_runs_and_the_next_start_takes_the_new_ones(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The older one lies in a virtual environment that is removed while its server runs."""
    old = home / "old"
    older = copied_programs(old)
    with monkeypatch.context() as patched:
        patched.setattr(programs, "wheel_programs", lambda: older)
        commit_something(start_server(home / "home", linger_seconds=600))
    before = number(home / "home")
    process = server(home / "home")
    assert process is not None
    assert process.exe() == str(older / "postgres")

    newer = user_of(home / "home", linger=600)
    assert number(home / "home") == before
    leave(newer)

    shutil.rmtree(old)
    newer = beginning_user(home / "home")
    assert is_there(url_of(newer))
    assert number(home / "home") != before
    leave(newer)
    assert HomePaths(home / "home").log.exists()
    stop_server(home / "home")


def test_a_path_is_usable_for_libpq_or_not() -> None:
    assert fits(Path("/tmp/pgdex/run"))
    assert not fits(Path("/" + "x" * 95))
    assert not fits(Path("/tmp/a,b"))
    assert not fits(Path(os.fsdecode(b"/tmp/\xff")))
