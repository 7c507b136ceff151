"""The Tasks extension (io.modelcontextprotocol/tasks, SEP-2663): a job is a task under its own id.

A task is a row in PostgreSQL and nothing else, so any server of the same database answers for it: another process, on
another machine, after a restart. The methods are those of
https://modelcontextprotocol.io/seps/2663-tasks-extension; `TaskSource` is what answers them.
"""

import logging
from collections.abc import Sequence
from typing import Any, Protocol

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver import Extension, MethodBinding, require_client_extension
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import MCP_NAME_HEADER, decode_header_value
from mcp_types import HEADER_MISMATCH, CallToolRequestParams, RequestParams
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import Field

from pgdex.jobs.logging import fields

TASKS = "io.modelcontextprotocol/tasks"
LONGEST_ID = 200

Task = dict[str, Any]
"""A task as SEP-2663 has it on the wire: taskId, status, createdAt, lastUpdatedAt, ttlMs …, and what its status adds
(result, error, inputRequests)."""
Context = ServerRequestContext[Any, Any]

logger = logging.getLogger("pgdex.mcp")


class TaskParams(RequestParams):
    """The parameters of tasks/get and tasks/cancel."""

    task_id: str = Field(max_length=LONGEST_ID)


class UpdateParams(TaskParams):
    """The parameters of tasks/update."""

    input_responses: dict[str, Any]


class TaskSource(Protocol):
    """What has the tasks. Its methods raise MCPError (-32602 for an id that it doesn't know)."""

    tools: frozenset[str]
    """The tools whose calls may become tasks."""

    async def begun(self, params: CallToolRequestParams, ctx: Context, call_next: CallNext) -> Task | HandlerResult:
        """The task that a call of one of the tools has become, or the result of the call where it became none."""

    async def task(self, task_id: str) -> Task:
        """A task with what its status adds: its result, its error, or what it asks for."""

    async def update(self, task_id: str, responses: dict[str, Any]) -> None:
        """Take the client's answers to what a task asks for; those to anything else are ignored."""

    async def cancel(self, task_id: str) -> None:
        """Cancel a task; nothing happens to one that has ended."""


class Tasks(Extension):
    """Answers calls with tasks to clients that declare the extension with the call, and serves the methods for them."""

    identifier = TASKS

    def __init__(self, source: TaskSource) -> None:
        self.source = source

    def methods(self) -> Sequence[MethodBinding]:
        """tasks/get, tasks/update and tasks/cancel, of the protocol that has extensions."""
        return [
            MethodBinding("tasks/get", TaskParams, self._get, MODERN),
            MethodBinding("tasks/update", UpdateParams, self._update, MODERN),
            MethodBinding("tasks/cancel", TaskParams, self._cancel, MODERN),
        ]

    async def intercept_tool_call(
        self, params: CallToolRequestParams, ctx: Context, call_next: CallNext
    ) -> HandlerResult:
        """A task for what takes its time, where the client can take one."""
        if params.name not in self.source.tools or not declares_tasks(ctx):
            return await call_next(ctx)
        begun = await self.source.begun(params, ctx, call_next)
        return created(begun) if isinstance(begun, dict) and "taskId" in begun else begun

    async def _get(self, ctx: Context, params: TaskParams) -> HandlerResult:
        _check(ctx, params)
        return {"resultType": "complete", **await self.source.task(params.task_id)}

    async def _update(self, ctx: Context, params: UpdateParams) -> HandlerResult:
        _check(ctx, params)
        await self.source.update(params.task_id, params.input_responses)
        return {"resultType": "complete"}

    async def _cancel(self, ctx: Context, params: TaskParams) -> HandlerResult:
        _check(ctx, params)
        await self.source.cancel(params.task_id)
        logger.info("a client cancelled a task", extra=fields(action="task_cancelled", job_id=params.task_id))
        return {"resultType": "complete"}


MODERN = frozenset(MODERN_PROTOCOL_VERSIONS)
OF_STATUS = frozenset({"result", "error", "inputRequests"})


def declares_tasks(ctx: Context) -> bool:
    """Whether the client said with this request that it can take tasks. Older protocols have no words for them."""
    declared = ctx.session.client_capabilities
    extensions = declared.extensions if declared is not None else None
    return ctx.protocol_version in MODERN and TASKS in (extensions or {})


def created(task: Task) -> Task:
    """The answer to a call that became a task: without what tasks/get adds for its status."""
    return {"resultType": "task", **{name: value for name, value in task.items() if name not in OF_STATUS}}


def _check(ctx: Context, params: TaskParams) -> None:
    """Refuse a client that did not declare the extension, and a request whose routing header names another task."""
    require_client_extension(ctx, TASKS)
    headers = getattr(ctx.request, "headers", None)
    named = headers.get(MCP_NAME_HEADER) if headers is not None else None
    if named is not None and decode_header_value(named) != params.task_id:
        raise MCPError(
            code=HEADER_MISMATCH, message=f"the header {MCP_NAME_HEADER} does not name the task of the request's taskId"
        )
