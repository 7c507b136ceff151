"""The embedded PostgreSQL is shared by processes, and stops some time after the last of them."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import psycopg
import pytest

from pgdex.jobs.database.connection import connect
from pgdex.jobs.database.embedded.answers import clients
from pgdex.jobs.database.embedded.server import is_running, start_server, stop_server
from pgdex.jobs.errors import DatabaseUnavailable
from pgdex.jobs.settings import Settings
from tests.integration.embedded.homes import (
    beginning_user,
    crash,
    keepers,
    leave,
    number,
    server,
    url_of,
    user_of,
)
from tests.support.waiting import wait_for


def test_processes_share_one_server_that_stops_when_the_last_one_leaves(home: Path) -> None:
    first, second = user_of(home), user_of(home)
    pid = number(home)
    leave(first)
    assert is_running(home)
    assert number(home) == pid

    leave(second)

    wait_for(lambda: not is_running(home), what="the server's end", seconds=20)
    wait_for(lambda: not keepers(home), what="the keeper's end", seconds=20)
    assert "database system is shut down" in (home / "server.log").read_text(), "it was stopped in good order"


def test_the_server_stays_for_the_next_command_as_long_as_the_last_user_said(home: Path) -> None:
    leave(user_of(home, linger=60))
    pid = number(home)
    wait_for(lambda: keepers(home), what="a keeper")
    time.sleep(0.5)  # several looks of a keeper that would not wait

    leave(user_of(home, linger=0))
    assert number(home) == pid

    wait_for(lambda: not is_running(home), what="the server's end", seconds=20)


def test_a_killed_process_neither_stops_the_server_nor_keeps_it_running_forever(home: Path) -> None:
    first, second = user_of(home), user_of(home)
    first.kill()
    first.wait()
    assert is_running(home)
    leave(user_of(home))
    leave(second)

    wait_for(lambda: not is_running(home), what="the server's end", seconds=20)


def test_many_first_starts_at_once_make_one_server(home: Path) -> None:
    processes = [beginning_user(home) for _ in range(4)]
    assert len({url_of(process) for process in processes}) == 1
    for process in processes:
        leave(process)


def test_a_client_that_is_no_process_of_pgdex_is_not_thrown_out(home: Path) -> None:
    url = start_in_another_process(home)
    with psycopg.connect(url) as connection:
        time.sleep(4)
        assert connection.execute("select 1").fetchone() == (1,)
    wait_for(lambda: not is_running(home), what="the server's end", seconds=20)


def test_a_client_that_was_killed_in_the_middle_of_a_query_does_not_keep_the_server_running(home: Path) -> None:
    url = start_in_another_process(home)
    query = "import psycopg, sys; psycopg.connect(sys.argv[1]).execute('select pg_sleep(3600)')"
    client = subprocess.Popen([sys.executable, "-c", query, url])
    wait_for(lambda: clients(home / "run") == 1, what="the client", seconds=20)
    client.kill()
    client.wait()

    wait_for(lambda: not is_running(home), what="the server's end", seconds=40)


def start_in_another_process(home: Path) -> str:
    """The address of a server that stays just long enough to connect to it."""
    process = beginning_user(home, linger=3)
    url = url_of(process)
    leave(process)
    return url


def test_a_keeper_that_was_killed_is_replaced_by_the_next_user(home: Path) -> None:
    first = user_of(home)
    wait_for(lambda: keepers(home), what="a keeper")
    (keeper,) = keepers(home)
    keeper.kill()
    wait_for(lambda: not keepers(home), what="the keeper's end")

    leave(first)
    assert is_running(home), "nobody is there to stop it"
    leave(user_of(home))

    wait_for(lambda: not is_running(home), what="the server's end", seconds=20)


def test_one_home_has_one_keeper_however_many_users_come(home: Path) -> None:
    users = [beginning_user(home, linger=30) for _ in range(5)]
    for user in users:
        url_of(user)
    wait_for(lambda: len(keepers(home)) == 1, what="one keeper")
    for user in users:
        leave(user)


def test_a_text_of_the_users_file_that_makes_no_sense_hinders_nobody(home: Path) -> None:
    leave(user_of(home, linger=60))
    for rubbish in (b"\0\0\0\0", b"[123, 45", b"", b"nan", b"-5 x"):
        (home / "users.lock").write_bytes(rubbish)
        leave(user_of(home, linger=60))
    leave(user_of(home, linger=0))

    wait_for(lambda: not is_running(home), what="the server's end", seconds=20)


def test_a_server_that_crashed_is_started_again_by_the_next_connection(home: Path) -> None:
    settings = Settings(home=home, server_linger=0)
    connect(settings).close()
    crash(home)
    assert not is_running(home)

    with connect(settings) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_a_dead_server_is_no_zombie_of_the_process_that_started_it(home: Path) -> None:
    user = user_of(home)
    pid = number(home)
    crash(home)
    wait_for(lambda: not psutil.pid_exists(pid), what="the end of the server")
    leave(user)


def test_no_committed_transaction_depends_on_luck(home: Path) -> None:
    with psycopg.connect(start_server(home, linger_seconds=0)) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
            assert connection.execute(f"show {setting}").fetchone() == ("on",)


def test_a_removed_home_takes_its_server_along(home: Path) -> None:
    leave(user_of(home, linger=600))
    wait_for(lambda: keepers(home), what="a keeper")
    process = server(home)
    assert process is not None
    time.sleep(0.5)  # the keeper has had a look at its server

    shutil.rmtree(home, ignore_errors=True)  # files of the server that is ending go away meanwhile

    wait_for(lambda: not process.is_running(), what="the server's end", seconds=20)
    wait_for(lambda: not keepers(home), what="the keeper's end", seconds=20)


def test_a_process_that_used_a_removed_home_does_not_bring_it_back(home: Path) -> None:
    """rm -rf would fail, or come back with an empty database: workers ask for a connection again and again."""
    user = home / "home"
    settings = Settings(home=user, server_linger=0)
    connect(settings).close()
    stop_server(user)
    shutil.rmtree(user)

    with pytest.raises(DatabaseUnavailable, match="was removed while this process used it"):
        connect(settings)
    assert not user.exists()

    leave(user_of(user))
    connect(settings).close()
    stop_server(user)


def test_the_keeper_of_a_removed_home_leaves_the_server_of_one_that_is_made_there_alone(home: Path) -> None:
    user = home / "home"
    first = user_of(user, linger=60)
    wait_for(lambda: keepers(user), what="a keeper")
    time.sleep(0.5)  # it has had a look at its server
    (keeper,) = keepers(user)
    keeper.suspend()  # it looks only every two seconds
    stop_server(user)
    leave(first)
    shutil.rmtree(user)
    second = user_of(user)
    process = server(user)

    keeper.resume()

    wait_for(lambda: not keeper.is_running(), what="the first keeper's end", seconds=20)
    assert process is not None
    assert process.is_running()
    assert is_running(user)
    leave(second)
    wait_for(lambda: not is_running(user), what="the server's end", seconds=20)


def test_a_keeper_leaves_the_server_of_a_moved_home_alone(home: Path) -> None:
    first = user_of(home / "one", linger=60)
    wait_for(lambda: keepers(home / "one"), what="a keeper")
    time.sleep(0.5)  # it has had a look at its server
    process = server(home / "one")
    (home / "one").rename(home / "two")

    wait_for(lambda: not keepers(home / "one"), what="the keeper's end", seconds=20)

    assert process is not None
    assert process.is_running()
    leave(first)
    leave(user_of(home / "two"))
    wait_for(lambda: not is_running(home / "two"), what="the server's end", seconds=20)


def test_who_comes_while_the_server_stops_waits_and_starts_it_again(home: Path) -> None:
    leave(user_of(home, linger=0.3))
    wait_for(lambda: keepers(home), what="a keeper")
    for _ in range(8):  # around the moment at which it stops
        time.sleep(0.05)
        assert leave(user_of(home, linger=0.1)) == ""
