"""The supervisor of local worker processes, and starting one where no worker runs."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import psycopg

from jobs.client import Client
from jobs.database import Connection
from jobs.errors import PgdexError
from jobs.settings import Settings

# -P: the folder that a user stands in may hold a package `jobs` of its own.
WORKER_COMMAND = (sys.executable, "-P", "-m", "procrastinate", "--app=jobs.app.app", "worker")
SUPERVISOR_COMMAND = (sys.executable, "-P", "-m", "jobs.cli", "worker")
FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 10.0
HEALTHY_SECONDS = 30.0  # a process that ran this long starts with a short delay again
STOP_SECONDS = 10.0  # after SIGTERM; a worker needs 5 to put its batches back
POLL_SECONDS = 0.1
IDLE_POLL_SECONDS = 1.0
IDLE_SECONDS = 60.0  # of workers that were started for somebody and not by somebody

logger = logging.getLogger("pgdex.supervisor")


@dataclass(slots=True)
class Slot:
    """One place for a worker process."""

    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    delay: float = FIRST_DELAY_SECONDS
    start_at: float = field(default_factory=time.monotonic)


class Supervisor:
    """Keeps `processes` worker processes running until it is told to stop."""

    def __init__(self, *, processes: int, folder: Path) -> None:
        if processes < 1:
            raise ValueError(f"processes must be at least 1, got {processes}")
        self._slots = [Slot() for _ in range(processes)]
        self._folder = folder
        self._stopping = False

    def stop(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """End the workers and return from `run`; safe in a signal handler."""
        self._stopping = True

    def run(self, *, is_idle: Callable[[], bool] = lambda: False) -> None:
        """Start the workers and restart each that ends, whatever its exit code, until `stop` or `is_idle()`."""
        looked_at = time.monotonic()
        try:
            while not self._stopping:
                for slot in self._slots:
                    self._tend(slot)
                if time.monotonic() - looked_at >= IDLE_POLL_SECONDS:
                    looked_at = time.monotonic()
                    if is_idle():
                        return
                time.sleep(POLL_SECONDS)
        finally:
            self._end_all()

    def _tend(self, slot: Slot) -> None:
        now = time.monotonic()
        if slot.process is not None and slot.process.poll() is not None:
            code = slot.process.returncode
            slot.process = None
            if now - slot.started_at >= HEALTHY_SECONDS:
                slot.delay = FIRST_DELAY_SECONDS
            slot.start_at = now + slot.delay
            logger.warning("a worker ended with code %s; the next starts in %.1f s", code, slot.delay)
            slot.delay = min(slot.delay * 2, LONGEST_DELAY_SECONDS)
        if slot.process is None and now >= slot.start_at:
            environment = os.environ | {"PGDEX_SUPERVISOR_PID": str(os.getpid())}
            slot.process = subprocess.Popen(WORKER_COMMAND, cwd=self._folder, env=environment, stdin=subprocess.DEVNULL)
            slot.started_at = now

    def _end_all(self) -> None:
        running = [slot.process for slot in self._slots if slot.process is not None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def supervise(settings: Settings, *, processes: int, exit_when_idle: float | None, only_one: bool = False) -> None:
    """Run workers on this machine until SIGTERM or SIGINT, or until there was no live job for `exit_when_idle` s.

    With `only_one`, returns at once where another supervisor started like that runs on this machine.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    supervisor = Supervisor(processes=processes, folder=settings.home)
    signal.signal(signal.SIGTERM, supervisor.stop)
    signal.signal(signal.SIGINT, supervisor.stop)
    with Client.open(settings) as client:
        if only_one and not _alone_on_this_machine(client.connection):
            return
        supervisor.run(is_idle=_idle_for(client, exit_when_idle))


def ensure_workers(client: Client) -> bool:
    """Start workers in the background where none is alive; true where it did. They outlive this process and end
    by themselves when there was nothing to do for a minute."""
    if any(worker.alive for worker in client.workers()):
        return False
    settings = client.settings
    settings.home.mkdir(parents=True, exist_ok=True)
    with (settings.home / "worker.log").open("ab") as log:
        subprocess.Popen(
            [*SUPERVISOR_COMMAND, "--only-one", "--exit-when-idle", str(IDLE_SECONDS)],
            cwd=settings.home,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    return True


def _idle_for(client: Client, seconds: float | None) -> Callable[[], bool]:
    busy_at = time.monotonic()

    def is_idle() -> bool:
        nonlocal busy_at
        if seconds is None:
            return False
        try:
            if client.live_jobs():
                busy_at = time.monotonic()
        except psycopg.OperationalError as error:
            busy_at = time.monotonic()
            logger.warning("the database does not answer: %s", error)
            try:
                client.connection = Client.open(client.settings).connection
            except PgdexError:
                return False
        return time.monotonic() - busy_at >= seconds

    return is_idle


def _alone_on_this_machine(connection: Connection) -> bool:
    row = connection.execute(
        "select pg_try_advisory_lock(hashtext('pgdex.supervisor'), hashtext(%s))",
        [os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")],
    ).fetchone()
    return bool(row and row[0])
