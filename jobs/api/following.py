"""One job, looked at until it has ended: on notifications of it, at least once a second, and through outages."""

import logging
import os
import threading
import time
from contextlib import suppress
from dataclasses import replace
from uuid import UUID

import psycopg

from pgdex.jobs.api.refusals import own_errors
from pgdex.jobs.client.client import Client
from pgdex.jobs.client.models import JobStatus
from pgdex.jobs.database.outages import Backoff, Meaning, meaning_of
from pgdex.jobs.errors import DatabaseUnavailable, InvalidRequest, JobNotCompleted, JobNotFound, JobTimeout, PgdexError
from pgdex.jobs.logging import fields
from pgdex.jobs.settings import Settings

REFRESH_SECONDS = 1.0
SHORTEST_REFRESH_SECONDS = 0.1  # with four workers there are notifications of a job 20 times a second
WORKERS_SECONDS = 5.0  # between two looks at whether anyone works on the job
OUTAGE_SECONDS = 60.0
"""That a database which went away is waited for: a restart takes seconds, and a program should hear of more."""

logger = logging.getLogger("pgdex.api")


class Workforce:
    """Starts workers where none is alive, as `pgdex index` does. Those that were started are given time to come up."""

    def __init__(self, *, is_wanted: bool) -> None:
        """Does nothing unless `is_wanted`."""
        self._is_wanted = is_wanted
        self._started_at = float("-inf")

    def look(self, client: Client) -> None:
        """Start workers where none is alive. On a machine that can't, the job waits for those of another."""
        from pgdex.jobs.worker.launcher import ensure_workers

        if not self._is_wanted or self._are_starting():
            return
        try:
            if ensure_workers(client):
                self._started_at = time.monotonic()
        except (OSError, PgdexError) as error:
            logger.warning("no workers could be started: %s", error, extra=fields(action="workers_failed"))

    def explained(self, job: JobStatus) -> JobStatus:
        """`job`; while workers come up, with a message that does not ask for some."""
        if job.status == "pending" and self._are_starting():
            return replace(job, progress_message="Starting workers")
        return job

    def _are_starting(self) -> bool:
        return time.monotonic() - self._started_at < WORKERS_SECONDS


class Following:
    """A job with a connection of its own, which hears of it. Each call blocks for about a second at most while the
    database answers, so that an event loop's thread is soon free again."""

    def __init__(self, settings: Settings, job_id: UUID, *, workforce: Workforce, timeout: float | None) -> None:
        """Raises InvalidRequest for a timeout below 0."""
        if timeout is not None and not (isinstance(timeout, int | float) and timeout >= 0):
            raise InvalidRequest(f"timeout must be a number of seconds from 0, or None for no limit, got {timeout!r}")
        self._settings = settings
        self._job_id = job_id
        self._workforce = workforce
        self._timeout = timeout
        self._end = None if timeout is None else time.monotonic() + timeout
        self._turn = threading.Lock()
        self._process = os.getpid()
        self._is_closed = False
        self._client: Client | None = None
        self._seen: JobStatus | None = None
        self._workers_at = float("-inf")
        self._answered_at = time.monotonic()
        self._pauses = Backoff(first=0.2, longest=1.0)

    def close(self) -> None:
        """Close the connection, after the call that another thread may still be in; the job goes on."""
        self._is_closed = True
        with self._turn:
            self._disconnect()

    def next(self) -> JobStatus | None:
        """How the job is: at once for the first time, then when there is news or a second has gone by; None after the
        status that it has ended with.

        Raises JobNotFound, JobTimeout when the time is over, DatabaseUnavailable where there is no database for a
        minute, and PgdexError after `close`.
        """
        with self._turn, own_errors():
            if self._is_closed:  # a cancelled task's last call may come behind it, and would connect for nobody
                raise PgdexError(f"job {self._job_id} is no longer followed here: call follow() again")
            if self._seen is not None:
                if self._seen.is_final:
                    return None
                self._rest()
            return self._look()

    def _look(self) -> JobStatus:
        while True:
            try:
                self._seen = self._looked()
            except (psycopg.OperationalError, DatabaseUnavailable) as error:
                self._lost(error)
            else:
                self._answered_at = time.monotonic()
                self._pauses.reset()
                return self._seen

    def _rest(self) -> None:
        """Wait for news of the job, a second at most."""
        seconds = REFRESH_SECONDS
        if self._end is not None:
            seconds = min(seconds, self._end - time.monotonic())
            if seconds <= 0:
                raise JobTimeout(
                    f"job {self._job_id} has not ended within {self._timeout:g} s. It continues in the background"
                )
        time.sleep(min(seconds, SHORTEST_REFRESH_SECONDS))
        if self._client is not None and seconds > SHORTEST_REFRESH_SECONDS:
            with suppress(psycopg.OperationalError):  # the next look connects again
                self._client.wait_for_notification(timeout_seconds=seconds - SHORTEST_REFRESH_SECONDS)

    def _looked(self) -> JobStatus:
        if self._process != os.getpid():  # forked: the connection is the parent's
            self._disconnect()
            self._process = os.getpid()
        if self._client is None:
            self._client = Client.open(self._settings)
        if time.monotonic() - self._workers_at >= WORKERS_SECONDS:
            self._workforce.look(self._client)
            self._workers_at = time.monotonic()
        self._client.listen()
        try:
            return self._workforce.explained(self._client.status(self._job_id))
        except JobNotFound as error:
            if self._seen is None:
                raise
            raise JobNotFound(
                f"job {self._job_id} is gone: {self._seen.repo_path} was removed from the index, and its jobs with it"
            ) from error

    def _disconnect(self) -> None:
        client, self._client = self._client, None
        if client is not None and self._process == os.getpid():
            client.close()

    def _lost(self, error: Exception) -> None:
        """Raise it where it won't pass or has lasted for too long; else wait a little."""
        self._disconnect()
        passes = not isinstance(error, psycopg.Error) or meaning_of(error) is Meaning.UNAVAILABLE
        now = time.monotonic()
        if self._seen is None or not passes or now - self._answered_at > OUTAGE_SECONDS:
            raise error
        if self._is_closed or (self._end is not None and now > self._end):
            raise error
        about = fields(action="database_away")
        logger.warning("waiting for the database (job %s continues): %s", self._job_id, error, extra=about)
        time.sleep(self._pauses.next())


def completed(job: JobStatus) -> JobStatus:
    """`job`, where it is completed. Raises JobNotCompleted."""
    if job.status == "completed":
        return job
    reason = f": {job.error_message}" if job.error_message else ""
    ended = "failed" if job.status == "failed" else f"been {job.status}"
    raise JobNotCompleted(
        f"job {job.job_id}, which was to index {job.repo_path}, has {ended}{reason}",
        job_id=job.job_id,
        status=job.status,
    )
