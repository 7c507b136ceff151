"""Real worker processes on a test's database, and waiting for what they do."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from jobs.client import Client
from jobs.models import JobStatus

WORKER_COMMAND = (sys.executable, "-P", "-m", "procrastinate", "--app=jobs.app.app", "worker")
LONGEST_WAIT_SECONDS = 60.0


class WorkerProcesses:
    """Worker processes of one test; every one still alive is killed at its end."""

    def __init__(self, database_url: str, *, folder: Path, environment: dict[str, str] | None = None) -> None:
        self._folder = folder
        self._environment = os.environ | {"PGDEX_DATABASE_URL": database_url} | (environment or {})
        self.processes: list[subprocess.Popen[bytes]] = []

    @property
    def log(self) -> str:
        """What all of them wrote so far."""
        return "".join(file.read_text() for file in sorted(self._folder.glob("worker-*.log")))

    def start(self, count: int = 1, **environment: str) -> list[subprocess.Popen[bytes]]:
        """Start `count` more; returns them."""
        started = []
        for _ in range(count):
            with (self._folder / f"worker-{len(self.processes)}.log").open("wb") as log:
                process = subprocess.Popen(
                    WORKER_COMMAND,
                    cwd=self._folder,
                    env=self._environment | environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            self.processes.append(process)
            started.append(process)
        return started

    def kill_all(self) -> None:
        """kill -9 each, and wait for its end."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()


@contextmanager
def worker_processes(database_url: str, folder: Path, **environment: str) -> Iterator[WorkerProcesses]:
    """No process yet: call `start`."""
    workers = WorkerProcesses(database_url, folder=folder, environment=environment)
    try:
        yield workers
    finally:
        workers.kill_all()


def wait_for(
    condition: Callable[[], object], *, what: str, seconds: float = LONGEST_WAIT_SECONDS, every: float = 0.05
) -> None:
    """Poll until `condition()` is true. AssertionError with `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain for {what}")
        time.sleep(every)


def wait_for_end(client: Client, job_id: UUID, *, workers: WorkerProcesses | None = None) -> JobStatus:
    """The job's status once it is final; with the workers' log where it does not end."""
    try:
        wait_for(lambda: client.status(job_id).is_final, what=f"the end of job {job_id}")
    except AssertionError as error:
        log = workers.log[-4000:] if workers else ""
        raise AssertionError(f"{error}; it is {client.status(job_id)!r}\n{log}") from None
    return client.status(job_id)
