"""Stopping what pgdex runs in the background for one user: watchers, agents' servers, workers, the embedded server."""

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pgdex.jobs.cli.upkeep.processes import Role, Running, running
from pgdex.jobs.errors import DatabaseUnavailable, InvalidSetting
from pgdex.jobs.settings import Settings

if TYPE_CHECKING:
    import psutil

    from pgdex.jobs.database.embedded.paths import HomePaths

# Who starts others comes first: a watcher asks for workers, a supervisor restarts its own.
ORDER: tuple[Role, ...] = ("watcher", "agent server", "supervisor", "worker")
WORKERS: tuple[Role, ...] = ("supervisor", "worker")
PATIENCE_SECONDS = 30.0  # a supervisor gives its workers 10 s, which put their batches back in 5
KILLED_SECONDS = 5.0
POLL_SECONDS = 0.05
OURS = ("pgdex stop", "pgdex uninstall")  # of several at once none has to tell of the others
ROUNDS = 3  # what was about to start another while it was told to stop
ENDING_SECONDS = 5.0  # the processes of a server whose first one was killed
KEEPER_SECONDS = 5.0  # the keeper looks every 2 s at most whether its server is gone


@dataclass(frozen=True, slots=True)
class Stopped:
    """What was stopped, what did not end, and which commands go on in the foreground."""

    ended: tuple[Running, ...]
    remaining: tuple[Running, ...]
    commands: tuple[Running, ...]
    server: bool
    """Whether the embedded server ran, and was stopped."""

    @property
    def nothing(self) -> bool:
        """Whether nothing was there to be stopped."""
        return not (self.ended or self.remaining or self.server)


def stop(
    settings: Settings, *, workers_only: bool = False, any_database: bool = False, tell: Callable[[str], None]
) -> Stopped:
    """Stop the present user's processes on the settings' home and database, then the embedded server where it is that
    database; returns when they have ended. `tell` is given a line about what takes time.

    With `any_database`, processes of this home count whatever database they use. Starts no server and connects to none.
    Raises DatabaseUnavailable where the embedded server belongs to someone else, or does not stop.
    """
    roles = WORKERS if workers_only else ORDER
    is_embedded = settings.database_url is None
    url = None if settings.database_url is None else settings.database_url.get_secret_value()
    if is_embedded and not workers_only and os.path.exists(settings.home / "data"):
        from pgdex.jobs.database.embedded.accounts import require_own_data
        from pgdex.jobs.database.embedded.paths import HomePaths

        require_own_data(HomePaths(settings.home))

    def uses(other: str | None) -> bool:
        return any_database or is_same_database(url, other)

    def look() -> list[Running]:
        return [one for one in running(settings.home, uses=uses) if one.role in roles]

    ended: list[Running] = []
    found = look()
    if found:
        tell(f"Stopping {len(found)} {'process' if len(found) == 1 else 'processes'} …")
    for _ in range(ROUNDS):
        for role in roles:
            ended += _end(one for one in found if one.role == role)
        found = look()
        if not found:
            break
    server = not workers_only and (is_embedded or any_database) and _stop_server(settings.home)
    commands = [
        one for one in running(settings.home, uses=uses) if one.role == "command" and not one.command.startswith(OURS)
    ]
    return Stopped(tuple(ended), tuple(found), tuple(commands), server)


def is_same_database(one: str | None, other: str | None) -> bool:
    """Whether two values of PGDEX_DATABASE_URL lead to one database; None is the embedded server."""
    if one is None or other is None or one == other:
        return one == other
    from pgdex.jobs.database.connection import url_parts

    try:
        places = [{name: url_parts(url).get(name) for name in ("host", "port", "dbname")} for url in (one, other)]
    except InvalidSetting:
        return False
    return places[0] == places[1]


def _end(processes: Iterable[Running]) -> list[Running]:
    """Ask them to end, and insist after PATIENCE_SECONDS; those that have ended."""
    import psutil

    asked = {one.process: one for one in processes}
    for process in asked:
        try:
            process.terminate()
        except psutil.NoSuchProcess:
            continue
    alive = _wait(list(asked), PATIENCE_SECONDS)
    for process in alive:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    alive = _wait(alive, KILLED_SECONDS)
    return [one for process, one in asked.items() if process not in alive]


def _wait(processes: "list[psutil.Process]", seconds: float) -> "list[psutil.Process]":
    """Those that still run after so long. psutil's own wait would also wait for whoever started one to take note of its
    end, which a watcher does when it starts the next."""
    deadline = time.monotonic() + seconds
    while True:
        processes = [process for process in processes if _runs(process)]
        if not processes or time.monotonic() > deadline:
            return processes
        time.sleep(POLL_SECONDS)


def _runs(process: "psutil.Process") -> bool:
    import psutil

    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _stop_server(home: Path) -> bool:
    """Stop the embedded server and wait for its keeper; whether it ran. Raises DatabaseUnavailable."""
    from pgdex.jobs.database.embedded.locks import take_lock
    from pgdex.jobs.database.embedded.paths import HomePaths
    from pgdex.jobs.database.embedded.postmaster import postmaster
    from pgdex.jobs.database.embedded.server import stop_server

    paths = HomePaths(home)
    if not os.path.exists(paths.data):  # not Path.exists, which raises where the folder is someone else's
        return False
    # Who is just starting it is waited for: it would be there a moment later.
    lock = take_lock(paths.start, seconds=PATIENCE_SECONDS)
    if lock is None:
        raise DatabaseUnavailable(
            f"the embedded PostgreSQL of {home} is being started by another process (it holds {paths.start}): stop "
            "that process, then try again"
        )
    try:
        if postmaster(paths.data) is None:
            _require_none_elsewhere(paths)
            return False
        stop_server(home)
    finally:
        os.close(lock)
    _wait_for_keeper(paths.keeper)
    return True


def _require_none_elsewhere(paths: "HomePaths") -> None:
    """Raise DatabaseUnavailable where the server runs in another container that shares the home: its processes have no
    numbers here, but hold its lock. To whoever removes the home next it would not have been running."""
    from pgdex.jobs.database.embedded.locks import take_lock

    if not paths.server.exists():
        return
    lock = take_lock(paths.server, seconds=ENDING_SECONDS)
    if lock is None:
        raise DatabaseUnavailable(
            f"the embedded PostgreSQL of {paths.home} runs where it can't be stopped from here, in another container "
            "it seems: run pgdex stop there"
        )
    os.close(lock)


def _wait_for_keeper(path: Path) -> None:
    """It ends with its server, unless someone in the foreground is about to start that again."""
    from pgdex.jobs.database.embedded.locks import open_lock, try_lock

    if not path.exists():
        return
    lock = open_lock(path)
    try:
        deadline = time.monotonic() + KEEPER_SECONDS
        while not try_lock(lock) and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        os.close(lock)
