"""Watching a job to its end: on notifications of it, and at least once a second; through outages of the database."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

from pgdex.jobs.cli.render.displays import Display, display
from pgdex.jobs.cli.session import Reconnecting
from pgdex.jobs.client.client import Client
from pgdex.jobs.client.models import JobEvent, JobStatus
from pgdex.jobs.client.workers import living_workers
from pgdex.jobs.errors import JobNotFound

if TYPE_CHECKING:
    import subprocess

REFRESH_SECONDS = 1.0
SHORTEST_REFRESH_SECONDS = 0.1  # with four workers there are notifications of a job 20 times a second
LOOK_SECONDS = 5.0  # between two looks at whether anyone works on the job
WORRYING_SECONDS = 30.0  # without a worker; on two busy cores they took 12 s to come up


class WorkerLauncher:
    """Sees to it that a job which is watched does not wait for workers that nobody starts."""

    def __init__(self, *, tell: Callable[[str], None], launched: "subprocess.Popen[bytes] | None" = None) -> None:
        """`launched` is the process that was started for it a moment ago, if one was."""
        now = time.monotonic()
        self._tell = tell
        self._process = launched
        self._look_at = now if launched is None else now + LOOK_SECONDS
        self._pause = LOOK_SECONDS
        self._waiting_since = None if launched is None else now
        self._told = False

    def look(self, client: Client) -> None:
        """Start workers where none is alive. Say so where those that were started came to nothing: they ended with an
        error, or not one of them was alive for WORRYING_SECONDS. A busy machine takes its time."""
        from pgdex.jobs.worker.launcher import ensure_workers

        now = time.monotonic()
        ended = None if self._process is None else self._process.poll()
        if now < self._look_at and (not ended or self._told):
            return
        self._look_at = now + self._pause
        started = ensure_workers(client) if self._process is None or ended is not None else None
        self._process = started or self._process
        if self._process is None or (started is None and living_workers(client.connection)):
            self._waiting_since, self._process, self._pause = None, None, LOOK_SECONDS
            return
        self._waiting_since = self._waiting_since or now
        log = client.settings.home / "worker.log"
        if ended:
            self._say(f"The workers that were started exited with code {ended}. Their log says why: {log}")
            self._pause *= 2
        elif now - self._waiting_since >= WORRYING_SECONDS:
            self._say(f"No worker has come up within {WORRYING_SECONDS:.0f} s. Their log may say why: {log}")

    def explained(self, job: JobStatus) -> JobStatus:
        """`job`; while the workers that were started come up, with a message that says so."""
        if self._waiting_since is not None and not self._told and job.status == "pending":
            return replace(job, progress_message="Starting workers")
        return job

    def _say(self, message: str) -> None:
        """Once: it is still to be seen above."""
        if not self._told:
            self._tell(message)
        self._told = True


def watch(
    client: Client,
    job_id: UUID,
    *,
    start_workers: bool = False,
    launched: "subprocess.Popen[bytes] | None" = None,
) -> JobStatus:
    """Show the job on stderr until it has ended; returns its final status. Ctrl-C raises KeyboardInterrupt.

    With `start_workers`, workers are started where none is alive, now (unless `launched` is the process that was
    started for it a moment ago) and later.
    """
    with display() as shown:
        launcher = WorkerLauncher(tell=shown.tell, launched=launched) if start_workers else None
        return _watch(client, job_id, shown, launcher)


def _watch(client: Client, job_id: UUID, shown: Display, launcher: WorkerLauncher | None) -> JobStatus:
    connection = Reconnecting(client, lost=lost(shown.tell), found=found(shown.tell))
    job: JobStatus | None = None
    while True:
        if launcher is not None:
            connection.call(launcher.look)
        # Each time, since a new connection hears nothing: an end between the look and the wait would cost a second.
        connection.call(Client.listen)
        job = _status(connection, job_id, before=job)
        shown.show(job if launcher is None else launcher.explained(job))
        if job.is_final:
            return job
        _wait(connection)


def events(client: Client, job_id: UUID, *, tell: Callable[[str], None]) -> Iterator[JobEvent]:
    """A job's history, and then what happens, until the job has ended; each event once, in order."""
    connection = Reconnecting(client, lost=lost(tell), found=found(tell))
    last = 0
    job: JobStatus | None = None
    while True:
        job = _status(connection, job_id, before=job)
        for event in connection.call(Client.events, job_id, after=last):
            last = event.event_id
            yield event
        if job.is_final:
            return
        _wait(connection)


def _status(connection: Reconnecting, job_id: UUID, *, before: JobStatus | None) -> JobStatus:
    """How the job is now. Raises JobNotFound, which says why where it has been shown `before`."""
    try:
        return connection.call(Client.status, job_id)
    except JobNotFound as error:
        if before is None:
            raise
        raise JobNotFound(
            f"job {job_id} is gone: {before.repo_path} has since been removed from the index, and its jobs with it"
        ) from error


def _wait(connection: Reconnecting) -> None:
    time.sleep(SHORTEST_REFRESH_SECONDS)
    rest = REFRESH_SECONDS - SHORTEST_REFRESH_SECONDS
    connection.call(Client.wait_for_notification, timeout_seconds=rest)


def lost(tell: Callable[[str], None]) -> Callable[[str], None]:
    """What is said when the database goes away."""
    return lambda reason: tell(f"The database does not answer ({reason}). Waiting for it; the job is not lost …")


def found(tell: Callable[[str], None]) -> Callable[[], None]:
    """What is said when it is back."""
    return lambda: tell("The database is back.")
