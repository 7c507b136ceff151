"""Databases for tests: one server for a session, one template with pgdex's schema, a copy of it for each test."""

import atexit
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from time import sleep

import psycopg
from psycopg import sql

from pgdex.jobs.database.embedded.server import start_server, stop_server
from pgdex.jobs.database.schema import upgrade
from pgdex.jobs.environment import Secret
from pgdex.jobs.settings import Settings

SERVER_VARIABLE = "PGDEX_TEST_DATABASE_URL"
"""Another server for the tests: its role must be allowed to create databases and the extension vector."""

MEMORY = "/dev/shm"
LEAST_MEMORY_BYTES = 6 << 30  # a server takes up to 1 GB, and there are some of them

Administrator = psycopg.Connection[tuple[object, ...]]

_number = count(1)
_idle: dict[str, Administrator] = {}


def settings_for(database_url: str, **values: object) -> Settings:
    """The settings of a process that uses `database_url`; PGDEX_ variables of whoever runs the tests do not count."""
    return Settings(database_url=Secret(database_url), **values)


def embedded_server() -> str:
    """Start an embedded server in a folder of its own and return its URL; both are gone when this process ends."""
    # Not pytest's tmp_path: as root the server runs as the OS user `pgserver`, who can't enter that one.
    folder = _fastest_folder()
    _remove_what_killed_runs_left(folder)
    home = Path(tempfile.mkdtemp(prefix=f"pgdex-tests-{os.getpid()}-", dir=folder))
    url = start_server(home, linger_seconds=0)  # so it ends too where this process is killed
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    atexit.register(stop_server, home, mode="immediate")  # before that: the last one registered is the first to run
    with psycopg.connect(url, autocommit=True) as connection:
        # What a crash of the machine would lose is of no use to anyone; a test's database is made in half the time.
        connection.execute("alter system set fsync = off")
        connection.execute("select pg_reload_conf()")
    return url


def _fastest_folder() -> str:
    """Memory where there is enough of it: a copy of the template is 700 files, which takes 35 ms there and 100 to 1,000
    on a disk. A container may have 64 MB of it only."""
    try:
        has_room = shutil.disk_usage(MEMORY).free >= LEAST_MEMORY_BYTES
    except OSError:
        return "/tmp"
    return MEMORY if has_room and os.access(MEMORY, os.W_OK | os.X_OK) else "/tmp"


def _remove_what_killed_runs_left(folder: str) -> None:
    """Their servers end with them, their files would stay; in memory that is dear."""
    for home in Path(folder).glob("pgdex-tests-*-*"):
        if not _is_alive(home.name.split("-")[2]):
            shutil.rmtree(home, ignore_errors=True)


def _is_alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False
    return True


def url_of(server_url: str, database: str) -> str:
    """The URL of another database on the same server."""
    return re.sub(r"^(postgres(?:ql)?://[^/?]*)(?:/[^?]*)?", rf"\1/{database}", server_url)


@contextmanager
def new_database(server_url: str, *, template: str | None = None, label: str = "test") -> Iterator[str]:
    """A database under a name that no other process of this run uses; yields the name and drops it afterwards."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    name = f"pgdex_{label}_{worker}_{os.getpid()}_{next(_number)}"
    # A server's own default may be SQL_ASCII, as initdb chooses it where no locale is set.
    # Written as files and not through the log, which costs twice the time.
    source = sql.SQL(" template {} strategy file_copy").format(sql.Identifier(template or "template0"))
    encoding = sql.SQL("" if template else " encoding 'UTF8'")
    with _administrator(server_url) as connection:
        connection.execute(sql.SQL("create database {}{}{}").format(sql.Identifier(name), source, encoding))
    try:
        yield name
    finally:
        with suppress(psycopg.OperationalError), _administrator(server_url) as connection:
            _wait_until_left(connection, name)
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


@contextmanager
def _administrator(server_url: str) -> Iterator[Administrator]:
    """A connection for what makes databases and drops them. It is kept for the next test: two for each took a quarter
    of that work's 35 ms of processor time."""
    connection = _idle.pop(server_url, None)
    try:
        if connection is not None:
            connection.execute("select")
    except psycopg.OperationalError:  # the server was started again
        connection = None
    if connection is None:
        connection = psycopg.connect(server_url, autocommit=True)
        atexit.register(connection.close)
    try:
        yield connection
    except BaseException:
        connection.close()
        raise
    if _idle.setdefault(server_url, connection) is not connection:
        connection.close()


def _wait_until_left(connection: Administrator, database: str) -> None:
    """A closed connection's process is there for some milliseconds, and DROP DATABASE waits for it 100 ms a time."""
    for _ in range(100):
        if not connection.execute("select from pg_stat_activity where datname = %s", [database]).fetchone():
            return
        sleep(0.002)


@contextmanager
def upgraded_template(server_url: str) -> Iterator[str]:
    """A database that pgdex's schema was put into once, for `new_database(template=…)`."""
    with new_database(server_url, label="template") as name:
        upgrade(settings_for(url_of(server_url, name)))
        yield name


def backends(url: str) -> set[int]:
    """The server's processes that serve this database."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        )
        return {row[0] for row in rows}
