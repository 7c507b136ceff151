"""The workers of this machine: running them until there is nothing to do, and starting some where none run."""

import logging
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import psycopg

from pgdex.jobs.client.client import Client
from pgdex.jobs.client.workers import live_jobs, living_workers, vector_indexes_due
from pgdex.jobs.database.home import make_home
from pgdex.jobs.database.roles import WORKER, abilities, require
from pgdex.jobs.database.schema_watch import is_left_behind
from pgdex.jobs.database.sessions import holds_session
from pgdex.jobs.errors import PgdexError
from pgdex.jobs.logging import fields
from pgdex.jobs.settings import Settings
from pgdex.jobs.worker.log_files import follow_worker_log, open_worker_log
from pgdex.jobs.worker.supervisor import STOP_SECONDS, Supervisor

if TYPE_CHECKING:
    from filelock import FileLock

# -P: the folder that a user stands in may hold a package `jobs` of its own.
SUPERVISOR_COMMAND = (sys.executable, "-P", "-m", "pgdex.jobs.cli", "worker")
IDLE_SECONDS = 60.0  # of workers that were started for someone and not by someone
NICENESS = 10
OUTAGE_SECONDS = 600.0  # a database that is away for so long is not coming back to those
ONLY_ONE = "select pg_try_advisory_lock(hashtext('pgdex.supervisor'), hashtext(%s))"

logger = logging.getLogger("pgdex.supervisor")
_only_one: "FileLock | None" = None


def supervise(
    settings: Settings, *, processes: int, slots: int, exit_when_idle: float | None, only_one: bool = False
) -> None:
    """Run workers on this machine until SIGTERM or SIGINT, or until there was no live job for `exit_when_idle` s.

    With `only_one`, returns where another supervisor started like that runs on this machine and goes on running.
    Raises DatabaseUnavailable, SchemaBehind, NotAllowed.
    """
    make_home(settings.home)
    follow_worker_log(settings.home)
    supervisor = Supervisor(processes=processes, slots=slots, folder=settings.home)
    signal.signal(signal.SIGTERM, supervisor.stop)
    signal.signal(signal.SIGINT, supervisor.stop)
    with Client.open(settings) as client:
        require(client.connection, WORKER)  # its processes would only say so again and again
        if only_one and not _take_turn(client, stopped=lambda: supervisor.was_stopped):
            return
        _yield_to_people()
        if exit_when_idle is None:
            supervisor.run()
            return
        while not supervisor.was_stopped:
            idle = IdleWatch(client, seconds=exit_when_idle)
            # Left behind, it makes room: the next command starts workers of the version that it has.
            supervisor.run(is_idle=lambda idle=idle: supervisor.was_left_behind or idle.is_over())  # type: ignore[misc]  # a lambda's default
            if supervisor.was_stopped or supervisor.was_left_behind or idle.database_is_away:
                return
            # Ending the workers took a moment, in which they still looked alive to whoever asked for work.
            with suppress(psycopg.OperationalError):  # no answer: start them again, and look on
                if not live_jobs(client.connection):
                    return


def ensure_workers(client: Client, *, idle_seconds: float = IDLE_SECONDS) -> subprocess.Popen[bytes] | None:
    """Start workers in the background where none is alive; the process that was started for it, or None. They outlive
    this process and end by themselves when there was nothing to do for `idle_seconds`. None are started under a login
    that may not work."""
    if living_workers(client.connection) or WORKER not in abilities(client.connection).roles:
        return None
    settings = client.settings
    make_home(settings.home)
    with open_worker_log(settings.home) as log:
        return _Outliving(
            [*SUPERVISOR_COMMAND, "--only-one", "--exit-when-idle", str(idle_seconds)],
            cwd=settings.home,
            env=_environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


class _Outliving(subprocess.Popen[bytes]):
    """A process that is meant to outlive this one, which is no leak to be warned of (python -W error, pytest)."""

    def __del__(self) -> None:
        super().__del__(_warn=lambda *_, **__: None)  # type: ignore[call-arg]  # an argument that typeshed does not have


def _environment(settings: Settings) -> dict[str, str]:
    """This process's, with the database that the settings name: a program may have chosen it without a variable."""
    url = settings.database_url
    return dict(os.environ) | ({} if url is None else {"PGDEX_DATABASE_URL": url.get_secret_value()})


class IdleWatch:
    """Tells when there was no work for `seconds`, or no database for ten minutes.

    A database that goes away while there is nothing to do is not waited for any longer than work is: it may have been
    dropped.
    """

    def __init__(self, client: Client, *, seconds: float) -> None:
        self._client = client
        self._seconds = seconds
        self._busy_at = self._answered_at = time.monotonic()
        self._had_work = False
        self.database_is_away = False
        """Whether nobody answered the last look."""

    def is_over(self) -> bool:
        """Look, and say whether to end. Never raises for an outage: the next look tries to connect again."""
        try:
            self._had_work = self._has_work()
            if self._had_work:
                self._busy_at = time.monotonic()
            self._answered_at = time.monotonic()
            self.database_is_away = False
        except psycopg.ProgrammingError:
            if is_left_behind(self._client.connection):  # what it calls is gone, and its workers have ended
                return True
            raise
        except psycopg.OperationalError as error:
            logger.warning("the database does not answer: %s", error, extra=fields(action="database_away"))
            self.database_is_away = True
            if self._had_work:
                self._busy_at = time.monotonic()
            self._reconnect()
            if time.monotonic() - self._answered_at >= OUTAGE_SECONDS:
                return True
        return time.monotonic() - self._busy_at >= self._seconds

    def _has_work(self) -> bool:
        connection, limit = self._client.connection, self._client.settings.exact_search_chunks
        return bool(live_jobs(connection) or vector_indexes_due(connection, exact_search_chunks=limit))

    def _reconnect(self) -> None:
        self._client.close()
        try:
            self._client.connection = Client.open(self._client.settings).connection
            _is_only_one(self._client)  # the lock went with the old connection; nobody else is likely to have it
        except (PgdexError, psycopg.OperationalError):
            return


def _yield_to_people() -> None:
    """Let commands, editors and the database go first: with both of two cores busy indexing, `pgdex status` took
    1.2 to 2.4 s. The workers inherit it; where nobody else wants the processor they are as fast as ever."""
    if hasattr(os, "nice"):
        os.nice(max(0, NICENESS - os.nice(0)))


def _take_turn(client: Client, *, stopped: Callable[[], bool]) -> bool:
    """Become the one supervisor that was started for someone on this machine.

    Another one may be about to end, having seen no job: it is given the time for that.
    """
    deadline = time.monotonic() + STOP_SECONDS + 5
    while not _is_only_one(client):
        if stopped() or time.monotonic() > deadline:
            return False
        time.sleep(0.5)
    return True


def _is_only_one(client: Client) -> bool:
    if not holds_session(client.connection):
        from filelock import FileLock, Timeout  # behind a pooler only

        # No session to hold the lock: a file does, for those of the same home.
        global _only_one  # noqa: PLW0603 (held until the process ends)
        _only_one = _only_one or FileLock(client.settings.home / "supervisor.lock", blocking=False)
        with suppress(Timeout):
            _only_one.acquire()
        return _only_one.is_locked
    row = client.connection.execute(ONLY_ONE, [platform.node()]).fetchone()
    return bool(row and row[0])
