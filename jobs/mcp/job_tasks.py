"""Jobs as tasks: what SEP-2663 says of a task, worked out of a job's row."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolRequestParams, CallToolResult, TextContent

from pgdex.jobs.client.printable import printable
from pgdex.jobs.errors import JobIsFinal, JobNotFound
from pgdex.jobs.mcp.answers import StartedIndexing, WatchedIndexing
from pgdex.jobs.mcp.protocol_errors import Kinds, protocol_error
from pgdex.jobs.mcp.quoted import quoted
from pgdex.jobs.mcp.server_context import ServerContext
from pgdex.jobs.mcp.tasks import Task

if TYPE_CHECKING:
    from pgdex.jobs.client.client import Client
    from pgdex.jobs.client.models import JobStatus

Result = TypeVar("Result")

START = "start_indexing_background"
WATCH = "watch_indexing"
FAILED = "JOB_FAILED"
SHORTEST_POLL_MS = 1_000
LONGEST_POLL_MS = 30_000
UNKNOWN_POLL_MS = 2_000
MS_OF_A_DAY = 86_400_000


class JobTasks:
    """The tasks of a server: all jobs of its database, whichever server has started them, in whatever project.

    A task's methods take no project. Its id is random and told only to those who may see the job, as the extension
    wants it of servers that can't tell their clients apart.
    """

    tools = frozenset({START, WATCH})

    def __init__(self, context: ServerContext) -> None:
        self._place = context

    async def begun(
        self, params: CallToolRequestParams, ctx: ServerRequestContext[Any, Any], call_next: CallNext
    ) -> Task | HandlerResult:
        """Let the tool do its work, and answer with the job that it has started or found, unless that has ended."""
        if params.name == WATCH:  # one look: the client waits for the task and not for the call
            params.arguments = {**(params.arguments or {}), "timeout_seconds": 0}
        result = await call_next(ctx)
        found = result.structured_content if isinstance(result, CallToolResult) and not result.is_error else None
        if not isinstance(found, dict) or "job_id" not in found:
            return result
        try:
            task = await self.task(str(found["job_id"]))
        except MCPError:  # an outage just now: the job is there, and the answer of the tool says how to ask for it
            return result
        return task if task["status"] == "working" else result

    async def task(self, task_id: str, *, traced: Kinds | None = None) -> Task:
        """The job as a task, with its result where it has ended. `traced` is that of `protocol_error`."""

        def look(client: "Client") -> Task:
            job = _job_of(client, task_id)
            if not job.is_final:
                self._place.launcher.look(client)
                job = self._place.launcher.explained(job)
            return task_of(client, job, context=self._place)

        return await self._run(look, traced=traced)

    async def update(self, task_id: str, responses: dict[str, Any]) -> None:
        """A job asks for nothing, so there is nothing that an answer could be to."""
        del responses
        await self._run(lambda client: _job_of(client, task_id))

    async def cancel(self, task_id: str) -> None:
        """Cancel the job. What it has indexed stays searchable."""

        def cancel(client: "Client") -> None:
            job = _job_of(client, task_id)
            if job.is_final:
                return
            try:
                client.cancel(job.job_id)
            except JobIsFinal:
                return  # it has ended just now

        await self._run(cancel)

    async def _run(self, action: "Callable[[Client], Result]", *, traced: Kinds | None = None) -> Result:
        try:
            return await self._place.run(action)
        except Exception as error:
            raise protocol_error(error, about="a task", traced=traced) from error


def _job_of(client: "Client", task_id: str) -> "JobStatus":
    try:
        return client.status(task_id)
    except JobNotFound:
        raise JobNotFound(
            f"there is no task {task_id}: no job has that id, or its history has been removed since. "
            "list_background_jobs shows the jobs"
        ) from None


def task_of(client: "Client", job: "JobStatus", *, context: ServerContext) -> Task:
    """A job as a task. What comes of a job that failed is a result with isError, and no failed task: that word is for
    requests that went wrong as such."""
    ended = job.completed_at or job.cancelled_at
    task: Task = {
        "taskId": str(job.job_id),
        "status": "cancelled" if job.status == "cancelled" else "completed" if job.is_final else "working",
        "statusMessage": printable(job.progress_message),
        "createdAt": _text(job.created_at),
        "lastUpdatedAt": _text(_last_event(client, job)),
        # History goes some days after a job's end (PGDEX_RETENTION_DAYS); how long it will run is not known.
        "ttlMs": _ms(job.created_at, ended or datetime.now(UTC)) + round(client.settings.retention_days * MS_OF_A_DAY),
        "pollIntervalMs": _poll_ms(job.estimated_time_remaining_seconds),
    }
    if task["status"] == "completed":
        task["result"] = _result(client, job, context).model_dump(by_alias=True, mode="json", exclude_none=True)
    return task


def _result(client: "Client", job: "JobStatus", context: ServerContext) -> CallToolResult:
    """What the call comes to. Which of the two tools has made the task is not kept, so the structured content has the
    fields of both, and satisfies the output schema of either."""
    from pgdex.jobs.client.views import skip_reasons

    watched = WatchedIndexing.of(job, reasons=skip_reasons(client.connection, job), timed_out=False)
    project = context.project(None, folder=Path(job.repo_path) if job.repo_path.startswith("/") else None)
    is_resolved = project.id == job.project_id
    started = StartedIndexing(
        job_id=job.job_id,
        status=job.status,
        already_running=False,
        message=job.progress_message,
        estimated_duration_seconds=0,
        repo_path=job.repo_path,
        project_id=job.project_id,
        project_source=project.origin if is_resolved else "argument",
        notes=[*project.notes] if is_resolved else [],
    )
    is_failed = job.status == "failed"
    text = watched.text()
    if is_failed:
        text = f"{FAILED}: {job.error_message}. Once the cause is fixed, retry_indexing continues from what is indexed"
    safe = quoted(
        CallToolResult(
            content=[TextContent(type="text", text=text)],
            structured_content={**started.document(), **watched.document()},
            is_error=is_failed,
        )
    )
    assert isinstance(safe, CallToolResult)
    return safe


def _last_event(client: "Client", job: "JobStatus") -> datetime:
    row = client.connection.execute(
        "select created_at from pgdex.job_events where job_id = %s order by id desc limit 1", [job.job_id]
    ).fetchone()
    return row[0] if row is not None else job.created_at


def _poll_ms(seconds_left: int | None) -> int:
    if seconds_left is None:
        return UNKNOWN_POLL_MS
    return max(SHORTEST_POLL_MS, min(LONGEST_POLL_MS, seconds_left * 500))


def _ms(begin: datetime, end: datetime) -> int:
    return max(0, round((end - begin).total_seconds() * 1000))


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
