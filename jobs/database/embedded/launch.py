"""Starting the server: one process at a time, and only where none is left."""

import os
import re
import subprocess
import threading
import time
from pathlib import Path

from pgdex.jobs.database.embedded.accounts import Account, as_account, require_open_path, server_account
from pgdex.jobs.database.embedded.answers import listener
from pgdex.jobs.database.embedded.cluster import prepare
from pgdex.jobs.database.embedded.failures import DoesNotStart
from pgdex.jobs.database.embedded.locks import hand_to_owner, take_lock
from pgdex.jobs.database.embedded.paths import HomePaths
from pgdex.jobs.database.embedded.postmaster import end, left_behind, postmaster, read_pid_file
from pgdex.jobs.database.embedded.programs import not_startable, programs_for
from pgdex.jobs.database.embedded.server_log import keep_short, said_since
from pgdex.jobs.database.embedded.sockets import make_folder, usual_folder
from pgdex.jobs.database.embedded.telling import Teller
from pgdex.jobs.errors import DatabaseUnavailable

LOOSE_ENDS_SECONDS = 60.0  # for the processes of a server that has lost its first one, or an initdb that runs on
LISTENING_SECONDS = 60.0  # until it listens, which it does before it recovers anything
DEAF_SECONDS = 10.0


def launch(paths: HomePaths) -> Path:
    """Start the server of a home on which none answers; returns the folder of its socket as soon as it listens.

    The caller holds the lock `start`. Raises OSError, DatabaseUnavailable, DoesNotStart.
    """
    account = server_account(paths)
    require_open_path(paths, account)
    _end_a_deaf_one(paths)
    lock = _lock_of_nobody(paths)
    try:
        _end_those_left_behind(paths)
        programs = programs_for(paths, account)
        prepare(paths, programs, account, lock)
        # Nobody has the lock, and nobody serves this folder: the number in there belongs to anyone.
        (paths.data / "postmaster.pid").unlink(missing_ok=True)
        folder = make_folder(paths, account)
        keep_short(paths.log)
        _start(paths, programs, account, lock, folder)
    finally:
        os.close(lock)  # the server has it now
    return folder


def _end_a_deaf_one(paths: HomePaths) -> None:
    """A server whose socket was removed under it (a cleaner of /tmp, the end of a session): nobody can reach it."""
    process = postmaster(paths.data)
    if process is not None and not end(process, mode="fast", seconds=DEAF_SECONDS):
        raise DatabaseUnavailable(
            f"the embedded PostgreSQL of {paths.home} runs (process {process.pid}), but its socket is gone, and it "
            "does not stop: look at its log, and stop it with kill -INT"
        )


def _end_those_left_behind(paths: HomePaths) -> None:
    """Someone removed the home while its server ran. That one can only be in the way: of the socket, of memory.

    Looking at all processes takes 20 to 50 ms, so only where there is a reason to.
    """
    if not (paths.data / "PG_VERSION").exists() or listener(usual_folder(paths)) is not None:
        for process in left_behind(paths.data):
            end(process, mode="immediate", seconds=DEAF_SECONDS)


def _lock_of_nobody(paths: HomePaths) -> int:
    """The server's lock, when none of its processes is left."""
    tell = Teller(paths)
    lock = take_lock(
        paths.server,
        seconds=LOOSE_ENDS_SECONDS,
        waiting=lambda seconds: tell.after(seconds, "has processes that are still ending; pgdex waits for them"),
    )
    if lock is None:
        noted = read_pid_file(paths.data)
        raise DatabaseUnavailable(
            f"processes of the embedded PostgreSQL of {paths.home} still run"
            f"{f' (the first was number {noted.pid})' if noted else ''}, but it can't be reached from here. Is it used "
            "from another container, or is one of them stuck? Stop them, or use it from there"
        )
    return lock


def _start(paths: HomePaths, programs: Path, account: Account, lock: int, folder: Path) -> None:
    log = os.open(paths.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    hand_to_owner(log, paths.home)
    began = os.fstat(log).st_size
    try:
        process = subprocess.Popen(
            [str(programs / "postgres"), "-D", str(paths.data), *_options(paths, folder)],
            stdout=log,
            stderr=log,
            start_new_session=True,  # a Ctrl-C is for the command
            pass_fds=[lock],
            **as_account(account),
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise not_startable(programs / "postgres", account, error) from error
    finally:
        os.close(log)
    # Whoever started it may live long, and must not keep a dead child.
    threading.Thread(target=process.wait, name="pgdex-server-end", daemon=True).start()
    deadline = time.monotonic() + LISTENING_SECONDS
    while not _listens(paths, process):
        if process.returncode is not None:
            raise DoesNotStart(
                f"it ended with code {process.returncode}: {cause(paths.log, began) or 'its log says nothing'}"
            )
        if time.monotonic() > deadline:
            raise DoesNotStart(f"it runs, but is not listening after {LISTENING_SECONDS:.0f} s")
        time.sleep(0.005)


def _listens(paths: HomePaths, process: "subprocess.Popen[bytes]") -> bool:
    noted = read_pid_file(paths.data)
    return noted is not None and noted.pid == process.pid and noted.socket_folder is not None


def _options(paths: HomePaths, folder: Path) -> list[str]:
    """On the command line, where they win over every file."""
    values = {
        "listen_addresses": "",
        "port": "5432",
        "unix_socket_directories": _quoted(str(folder)),
        "unix_socket_permissions": "0700",
        "unix_socket_group": "",
        "hba_file": str(paths.data / "pg_hba.conf"),
        "ident_file": str(paths.data / "pg_ident.conf"),
        # One file, which the keeper keeps short.
        "logging_collector": "off",
        "log_destination": "stderr",
        "log_startup_progress_interval": "2s",
        "lc_messages": "C",
        # A client that was killed in the middle of a long query is none any more, and keeps no server running.
        "client_connection_check_interval": "5s",
    }
    return [word for name, value in values.items() for word in ("-c", f"{name}={value}")]


def _quoted(folder: str) -> str:
    """A name in a list of names; quoted only where it has to be, since pg_ctl can't read quotes back."""
    return folder if re.fullmatch(r"[\w/.-]+", folder) else '"' + folder.replace('"', '""') + '"'


def cause(log: Path, began: int) -> str:
    """Why the server ended, in its own words, from what it has logged since the position `began`."""
    said = said_since(log, began)
    found = re.findall(r"(?:FATAL|PANIC|ERROR): +(.*)", said) or re.findall(r"^postgres: (.*)", said, re.MULTILINE)
    details = re.findall(r"(?:DETAIL|HINT): +(.*)", said)
    return "; ".join([*found[-2:], *details[-2:]])[:600]
