"""Real worker processes for tests: `procrastinate --app=pgdex.app worker`, as a user starts them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from pgdex.jobs.client.client import Client
from pgdex.jobs.client.workers import living_workers
from tests.support import preloaded
from tests.support.databases import settings_for
from tests.support.preloaded import Process

COMMAND = (sys.executable, "-P", "-m", "procrastinate", "--app=pgdex.app", "worker")
DEADLINE_SECONDS = 60.0
STOP_SECONDS = 15.0  # a worker that is told to stop needs up to 5 to put its batches back


@dataclass(slots=True)
class Workers:
    """Worker processes on one database; each writes its log to a file of its own in `folder`."""

    database_url: str
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = COMMAND
    concurrency: int = 1
    fresh: bool = False
    """Whether each is an interpreter of its own, with a hash seed of its own."""
    processes: list[Process] = field(default_factory=list)

    def start(self, count: int = 1, *, concurrency: int | None = None) -> list[Process]:
        """Start `count` processes with `concurrency` slots each and return them; they take a second to be at work."""
        started = []
        for _ in range(count):
            with self._log_of(len(self.processes)).open("wb") as log:
                command = [*self.command, "--concurrency", str(concurrency or self.concurrency)]
                environment = _clean_environment() | {"PGDEX_DATABASE_URL": self.database_url} | self.environment
                process = self._start(command, environment, log.fileno())
            self.processes.append(process)
            started.append(process)
        return started

    def _start(self, command: list[str], environment: dict[str, str], log: int) -> Process:
        if self.fresh:
            return preloaded.start_fresh(command, folder=self.folder, environment=environment, output=log, errors=log)
        # Two beside each other may lock in different orders: that has to be seen.
        seed = len(self.processes) % 2
        return preloaded.start(command, folder=self.folder, environment=environment, output=log, errors=log, seed=seed)

    def wait_until_alive(self, count: int, *, deadline: float = DEADLINE_SECONDS) -> None:
        """Wait until that many workers are at work in the database's eyes."""
        end = time.monotonic() + deadline
        with Client.open(settings_for(self.database_url)) as client:
            while len(living_workers(client.connection)) < count:
                assert time.monotonic() < end, f"no {count} workers within {deadline} s{self.logs()}"
                time.sleep(0.05)

    def kill(self, process: Process) -> None:
        """kill -9, as a crash does it."""
        process.kill()
        process.wait()

    def pause(self, process: Process) -> None:
        """Stop it where it stands: it keeps its connections and its locks, but its heart does not beat."""
        process.send_signal(signal.SIGSTOP)

    def wake(self, process: Process) -> None:
        """Let a paused process go on."""
        process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End all, in good order where they can; none is left afterwards."""
        running = [process for process in self.processes if process.poll() is None]
        for process in running:
            process.send_signal(signal.SIGCONT)
            process.terminate()
        end = time.monotonic() + STOP_SECONDS
        for process in running:
            try:
                process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.kill(process)

    def logs(self) -> str:
        """What the processes have said, for a test's message."""
        texts = [
            f"\n--- worker {number} ({process.poll()}):\n{self._log_of(number).read_text(errors='replace')[-4000:]}"
            for number, process in enumerate(self.processes)
        ]
        return "".join(texts)

    def _log_of(self, number: int) -> Path:
        return self.folder / f"worker-{number}.log"


@contextmanager
def workers_on(
    database_url: str,
    folder: Path,
    *,
    count: int = 1,
    concurrency: int = 1,
    command: tuple[str, ...] = COMMAND,
    **environment: str,
) -> Iterator[Workers]:
    """`count` worker processes; `environment` are PGDEX_ variables. All have ended when the block does."""
    workers = Workers(database_url, folder, environment, command)
    try:
        workers.start(count, concurrency=concurrency)
        yield workers
    finally:
        workers.stop()


def _clean_environment() -> dict[str, str]:
    """Without the variables that a person's own pgdex is configured with."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PGDEX_")}
    # The working tree is what is tested, from whatever folder a process starts.
    return kept | {"PYTHONPATH": str(Path(__file__).parents[2])}


def end_processes_in(folder: Path) -> list[psutil.Process]:
    """SIGTERM for all who have `folder` as their working directory; returns those that had to be killed."""
    found = []
    for process in psutil.process_iter():
        # OSError: someone works in a folder whose path is longer than the system takes, as tests of such paths do.
        with suppress(psutil.Error, OSError):
            if process.cwd() == str(folder):
                process.terminate()
                found.append(process)
    _, left = psutil.wait_procs(found, timeout=STOP_SECONDS)
    for process in left:
        process.kill()
    return left
