"""Tasks for the suite's tools, in memory: what pgdex's Tasks extension answers of jobs, it answers of these as well."""

import asyncio
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolRequestParams, CallToolResult

from pgdex.jobs.mcp.tasks import Task, TaskSource
from tests.conformance.content import asked, text

ASKING = {"confirm_delete": ["confirm"], "multi_input": ["first", "second"]}
AFTER_ASKING = "test_tool_with_task"
TOOLS = frozenset({"slow_compute", "failing_job", "protocol_error_job", AFTER_ASKING, *ASKING})
FAILS_AFTER_SECONDS = 0.5


@dataclass(slots=True)
class Work:
    """One task."""

    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "working"
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    open_questions: set[str] = field(default_factory=set)
    outcome: dict[str, Any] = field(default_factory=dict)
    running: "asyncio.Task[None] | None" = None

    def end(self, status: str, **outcome: Any) -> None:
        if self.status in ("working", "input_required"):
            self.status, self.outcome = status, outcome

    def shown(self) -> Task:
        task: Task = {
            "taskId": self.id,
            "status": self.status,
            "createdAt": self.created_at.isoformat(),
            "lastUpdatedAt": datetime.now(UTC).isoformat(),
            "ttlMs": 600_000,
            "pollIntervalMs": 100,
            **self.outcome,
        }
        if self.status == "input_required":
            task["inputRequests"] = {
                key: asked(f"Question {key}", "confirm", "boolean").model_dump(
                    by_alias=True, mode="json", exclude_none=True
                )
                for key in sorted(self.open_questions)
            }
        return task


class FixtureTasks:
    """The suite's tasks, and those of `jobs` for everything else."""

    def __init__(self, jobs: TaskSource) -> None:
        self._jobs = jobs
        self._work: dict[str, Work] = {}
        self.tools = TOOLS | jobs.tools

    async def begun(
        self, params: CallToolRequestParams, ctx: ServerRequestContext[Any, Any], call_next: CallNext
    ) -> Task | HandlerResult:
        if params.name not in TOOLS:
            return await self._jobs.begun(params, ctx, call_next)
        work = Work()
        arguments = params.arguments or {}
        if params.name == AFTER_ASKING:
            result = await call_next(ctx)
            if not isinstance(result, CallToolResult):
                return result  # the question, whose answer comes before there is a task
            work.end("completed", result=_plain(result))
        elif params.name in ASKING:
            work.status, work.open_questions = "input_required", {*ASKING[params.name]}
        else:
            work.running = asyncio.create_task(_run(work, params.name, arguments))
        self._work[work.id] = work
        return work.shown()

    async def task(self, task_id: str) -> Task:
        work = self._work.get(task_id)
        return await self._jobs.task(task_id) if work is None else work.shown()

    async def update(self, task_id: str, responses: dict[str, Any]) -> None:
        work = self._work.get(task_id)
        if work is None:
            await self._jobs.update(task_id, responses)
            return
        work.open_questions -= responses.keys()
        if work.status == "input_required" and not work.open_questions:
            work.end("completed", result=_plain(CallToolResult(content=[text("done")])))

    async def cancel(self, task_id: str) -> None:
        work = self._work.get(task_id)
        if work is None:
            await self._jobs.cancel(task_id)
            return
        if work.running is not None:
            work.running.cancel()
        work.end("cancelled")


async def _run(work: Work, name: str, arguments: dict[str, Any]) -> None:
    if name == "slow_compute":
        await asyncio.sleep(float(arguments.get("seconds", 0)))
        work.end("completed", result=_plain(CallToolResult(content=[text(f"computed {arguments.get('label', '')}")])))
        return
    await asyncio.sleep(FAILS_AFTER_SECONDS)
    if name == "failing_job":
        work.end("completed", result=_plain(CallToolResult(content=[text("this job fails")], is_error=True)))
    else:
        error = MCPError(code=-32603, message="this job breaks").error
        work.end("failed", error=error.model_dump(mode="json", exclude_none=True))


def _plain(result: CallToolResult) -> dict[str, Any]:
    return result.model_dump(by_alias=True, mode="json", exclude_none=True)
