"""Watching a job to its end: on notifications of it, and at least once a second; through outages of the database."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from uuid import UUID

from pgdex.jobs.cli.render.displays import Display, display
from pgdex.jobs.cli.session import Reconnecting
from pgdex.jobs.client.client import Client
from pgdex.jobs.client.models import JobEvent, JobStatus
from pgdex.jobs.errors import JobNotFound

REFRESH_SECONDS = 1.0
SHORTEST_REFRESH_SECONDS = 0.1  # with four workers there are notifications of a job 20 times a second
LOOK_SECONDS = 5.0  # between two looks at whether anyone works on the job


class WorkerLauncher:
    """Sees to it that a job which is watched does not wait for workers that nobody starts."""

    def __init__(self, *, tell: Callable[[str], None], launched: bool = False) -> None:
        """`launched` says that some were started a moment ago."""
        now = time.monotonic()
        self._tell = tell
        self._look_at = now + LOOK_SECONDS if launched else now
        self._pause = LOOK_SECONDS
        self._started_at = now if launched else None

    def look(self, client: Client) -> None:
        """Start workers where none is alive; say where their log is when that does not help."""
        from pgdex.jobs.worker.launcher import ensure_workers

        now = time.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + self._pause
        if not ensure_workers(client):
            return
        if self._started_at is not None:
            if self._pause == LOOK_SECONDS:
                self._tell(f"No worker has started yet. Their log: {client.settings.home / 'worker.log'}")
            self._pause *= 2
        self._started_at = now

    def explained(self, job: JobStatus) -> JobStatus:
        """`job`; while the workers that were started come up, with a message that says so."""
        starting = self._started_at is not None and time.monotonic() - self._started_at < LOOK_SECONDS
        if starting and job.status == "pending":
            return replace(job, progress_message="Starting workers")
        return job


def watch(client: Client, job_id: UUID, *, start_workers: bool = False, launched: bool = False) -> JobStatus:
    """Show the job on stderr until it has ended; returns its final status. Ctrl-C raises KeyboardInterrupt.

    With `start_workers`, workers are started where none is alive, now (unless `launched` says that they were, a moment
    ago) and later.
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
