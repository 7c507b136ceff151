"""watch_indexing: stays open until the job has ended, and sends progress meanwhile."""

import time
from typing import TYPE_CHECKING, Annotated

import anyio
from mcp.server.mcpserver import Context
from pydantic import Field

from pgdex.jobs.mcp.answers import WatchedIndexing
from pgdex.jobs.mcp.arguments import JobId, ProjectId
from pgdex.jobs.mcp.jobs_of_projects import watched_job
from pgdex.jobs.mcp.notifications import Notifications
from pgdex.jobs.mcp.server_context import ServerContext

if TYPE_CHECKING:
    from pgdex.jobs.client.client import Client
    from pgdex.jobs.client.models import JobStatus

SHORTEST_PAUSE_SECONDS = 0.25  # with four workers there are notifications of a job 20 times a second
LONGEST_PAUSE_SECONDS = 2.0  # the time left changes also without notifications
OUTAGE_PAUSE_SECONDS = 1.0
SHORTEST_SILENCE_SECONDS = 0.5
LONGEST_SILENCE_SECONDS = 5.0
"""Clients give up on a call that is silent: one that waits in a queue says so now and then."""
STEP = 0.001
"""The protocol wants each value to be above the one before."""

Timeout = Annotated[
    float,
    Field(ge=0, le=3600, description="Less than your client's limit for a call."),
]


class ProgressReports:
    """Sends a job's percentage: not too often, always rising, and now and then even where nothing moves.

    Nothing where the client did not ask for progress.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._value = -STEP
        self._message: str | None = None
        self._sent_at = float("-inf")

    async def send(self, percentage: float, message: str) -> None:
        """Send what is new, at most twice a second."""
        now = time.monotonic()
        since = now - self._sent_at
        is_notification = percentage > self._value or message != self._message
        if since < SHORTEST_SILENCE_SECONDS or not (is_notification or since >= LONGEST_SILENCE_SECONDS):
            return
        self._value = round(max(percentage, self._value + STEP), 3)
        self._message, self._sent_at = message, now
        await self._context.report_progress(self._value, 100.0, message)


class Watching:
    """The tool that waits for a job."""

    def __init__(self, context: ServerContext) -> None:
        self._place = context

    async def watch_indexing(
        self, *, job_id: JobId, context: Context, timeout_seconds: Timeout = 25, project_id: ProjectId = None
    ) -> WatchedIndexing:
        """Wait until a job has ended and return its status, when the next step needs the index.

        timed_out: it is still live; call again, or go on with other work.
        """
        deadline = anyio.current_time() + timeout_seconds
        job = await self._place.run(lambda client: watched_job(client, self._place, job_id, project_id))
        reports = ProgressReports(context)
        async with Notifications(self._place.settings).open() as notifications:
            while not job.is_final and (left := deadline - anyio.current_time()) > 0:
                await reports.send(job.progress_percentage, job.progress_message)
                await anyio.sleep(min(left, SHORTEST_PAUSE_SECONDS))
                await notifications.wait(min(max(0.0, left - SHORTEST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS))
                if await _has_left(context):
                    break
                job = await self._next(job, reports, deadline=deadline, project_id=project_id)
        await reports.send(job.progress_percentage, job.progress_message)
        return await self._place.run(lambda client: _answer(client, job))

    async def _next(
        self, job: "JobStatus", reports: ProgressReports, *, deadline: float, project_id: str | None
    ) -> "JobStatus":
        """The job's status now; through outages of the database, as long as there is time."""
        from psycopg import OperationalError

        from pgdex.jobs.errors import DatabaseUnavailable

        while True:
            try:
                return await self._place.run(
                    lambda client: watched_job(client, self._place, str(job.job_id), project_id)
                )
            except (DatabaseUnavailable, OperationalError):
                left = deadline - anyio.current_time()
                if left <= 0:
                    raise
                await reports.send(job.progress_percentage, "The database does not answer; waiting for it")
                await anyio.sleep(min(left, OUTAGE_PAUSE_SECONDS))


async def _has_left(context: Context) -> bool:
    """Whether the connection over HTTP on which the client waits is closed, so that nobody gets the answer.

    Under protocol 2026-07-28 the SDK cancels the call then; under the older one it lets it run to its end.
    """
    request = context.request_context.request
    is_disconnected = getattr(request, "is_disconnected", None)
    return is_disconnected is not None and bool(await is_disconnected())


def _answer(client: "Client", job: "JobStatus") -> WatchedIndexing:
    from pgdex.jobs.client.views import skip_reasons

    return WatchedIndexing.of(job, reasons=skip_reasons(client.connection, job), timed_out=not job.is_final)
