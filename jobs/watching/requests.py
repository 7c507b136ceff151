"""Requests for jobs of one folder: one at a time, each for all that changed since the last."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import psycopg

from pgdex.jobs.client.client import EVENTS_CHANNEL, Client
from pgdex.jobs.client.models import JobStatus, StartedJob
from pgdex.jobs.client.path_jobs import enqueue_paths
from pgdex.jobs.database.roles import CLIENT, not_allowed
from pgdex.jobs.database.sessions import holds_session
from pgdex.jobs.errors import JobNotFound
from pgdex.jobs.watching.pending import EVERYTHING, Change, Pending
from pgdex.jobs.worker.launcher import ensure_workers

LIVE_SECONDS = 1.0
"""Between two looks at a job of others."""
WORKERS_SECONDS = 5.0
"""Between two looks at whether anyone works on the job."""
WAIT_SECONDS = 0.5
"""For a notification of the job. One about its end comes within milliseconds; it may have been sent before the wait."""
SHORTEST_WAIT_SECONDS = 0.1
"""With several jobs running there are notifications 20 times a second."""
SAME_SECONDS = 10.0
FIRST_REST_SECONDS = 1.0
LONGEST_REST_SECONDS = 30.0
"""What is written without a pause (a database in the tree, a log) is indexed again after 1, 2, 4 … 30 seconds: its jobs
would else follow each other for ever."""

Request = Callable[[Client, frozenset[str] | None], StartedJob]
"""Asks for the changed paths of the folder to be indexed; None: for all of it to be looked at."""


def requests_of(root: Path, *, project: str) -> Request:
    """Requests of a folder that is indexed, or asked for. They raise NotAllowed."""

    def request(client: Client, changed: frozenset[str] | None) -> StartedJob:
        wished = uuid4()
        try:
            job_id = enqueue_paths(client.connection, str(root), project=project, paths=changed, wished=wished)
        except psycopg.errors.InsufficientPrivilege as error:
            raise not_allowed(client.connection, CLIENT) from error
        job = client.status(job_id)
        return StartedJob(
            job_id=job.job_id,
            status=job.status,
            already_running=job.job_id != wished,
            project_id=job.project_id,
            repo_path=job.repo_path,
            message=job.progress_message,
        )

    return request


def may_have_missed(job: StartedJob) -> bool:
    """Whether a job may have walked past what changed before it was asked for: one that waits for its scan has not."""
    return job.already_running and job.status != "pending"


def request_after_live(client: Client, request: Request, *, patience_seconds: float) -> UUID:
    """Ask for all of a folder, and where its job is under way, again when that has ended, unless that takes longer than
    `patience_seconds`; workers are started where none is alive. Returns the last job. Raises what a request raises."""
    until = time.monotonic() + patience_seconds
    while True:
        job = request(client, None)
        ensure_workers(client)
        if not may_have_missed(job):
            return job.job_id
        while not client.status(job.job_id).is_final:
            if time.monotonic() >= until:
                return job.job_id
            time.sleep(LIVE_SECONDS)


class Rest:
    """How long the same paths have to wait for their next request."""

    def __init__(self) -> None:
        self._paths: frozenset[str] | None = frozenset()
        self._at = float("-inf")
        self._seconds = 0.0

    def seconds(self, change: Change, *, now: float) -> float:
        """How much longer `change` has to wait at `now`."""
        return max(0.0, self._at + self._seconds - now) if self._is_same(change, now) else 0.0

    def note(self, change: Change, *, now: float) -> None:
        """A request for `change` is made."""
        same = self._is_same(change, now)
        self._seconds = min(max(self._seconds * 2, FIRST_REST_SECONDS), LONGEST_REST_SECONDS) if same else 0.0
        self._paths, self._at = change.paths, now

    def _is_same(self, change: Change, now: float) -> bool:
        """Whether there is nothing in it that was not in the last request, which was a moment ago."""
        if change.paths is None:
            return False
        recent = now - self._at <= max(SAME_SECONDS, 2 * self._seconds)
        return recent and self._paths is not None and change.paths <= self._paths


@dataclass(frozen=True, slots=True)
class Live:
    """A job that is waited for: `joined` where it was under way before it was asked for, and may have missed
    `change`."""

    job_id: UUID
    change: Change
    joined: bool
    since: float


class Requests:
    """Turns what is pending into jobs. `started` is called with each change that a job was made for, and `ended` with
    that job's last status and the seconds since the request."""

    def __init__(
        self,
        pending: Pending,
        request: Request,
        *,
        started: Callable[[Change, StartedJob], None],
        ended: Callable[[JobStatus, float], None],
    ) -> None:
        self._pending = pending
        self._request = request
        self._started = started
        self._ended = ended
        self._rest = Rest()
        self._live: Live | None = None
        self._look_at = 0.0
        self._owes_all = False

    @property
    def is_waiting(self) -> bool:
        """Whether a job is live."""
        return self._live is not None

    def forget(self) -> None:
        """The connection broke: whether the last request arrived is not known, so that everything is pending again."""
        self._live = None
        self._pending.add(EVERYTHING)

    def step(self, client: Client, *, seconds: float) -> None:
        """Do the next thing: look at the job that is live, or ask for one, or wait for a change for up to `seconds`.

        Raises what a request raises; what is pending stays pending then.
        """
        if self._live is not None:
            self._wait_for_job(client, self._live)
        elif self._pending.wait(seconds) and (change := self._pending.take()) is not None:
            self._ask(client, change)

    def _ask(self, client: Client, change: Change) -> None:
        now = time.monotonic()
        if rest := self._rest.seconds(change, now=now):
            self._pending.add(change)
            time.sleep(min(rest, FIRST_REST_SECONDS))  # what comes meanwhile may be something else, that need not wait
            return
        if self._owes_all:
            change = EVERYTHING
        try:
            client.listen()
            job = self._request(client, change.paths)
        except BaseException:
            self._pending.add(change)
            raise
        joined = may_have_missed(job)
        self._live = Live(job.job_id, change, joined, now)
        self._look_at = now
        if not joined:
            self._owes_all = False
            self._rest.note(change, now=now)
            self._started(change, job)

    def _wait_for_job(self, client: Client, live: Live) -> None:
        now = time.monotonic()
        if now >= self._look_at:
            with suppress(OSError):  # a machine that can't start processes: others may have workers
                ensure_workers(client)
            self._look_at = now + WORKERS_SECONDS
        try:
            status = client.status(live.job_id)
        except JobNotFound:  # removed with its repository
            self._live = None
            return
        if not status.is_final:
            time.sleep(SHORTEST_WAIT_SECONDS)
            client.wait_for_notification(timeout_seconds=WAIT_SECONDS)
            return
        self._live = None
        if holds_session(client.connection):
            client.connection.execute(f"unlisten {EVENTS_CHANNEL}")  # nobody would read what comes in idle hours
        if live.joined:
            self._pending.add(live.change)  # it may have walked past what changed
        else:
            self._ended(status, time.monotonic() - live.since)
            if status.status != "completed":
                # The next change is not all that the index lacks. Not at once: it would only end the same way.
                self._owes_all = True
