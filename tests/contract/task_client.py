"""A client that speaks the Tasks extension (io.modelcontextprotocol/tasks)."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import anyio
from mcp.client.extension import ClaimContext, ClientExtension, ResultClaim
from mcp.client.session import ClientSession
from mcp_types import CallToolResult, Request, Result
from pydantic import ConfigDict

TASKS = "io.modelcontextprotocol/tasks"
POLL_SECONDS = 0.1


class CreateTaskResult(Result):
    """The answer to a call that has become a task."""

    model_config = ConfigDict(extra="allow")

    result_type: Literal["task"] = "task"
    task_id: str
    status: str
    created_at: str
    last_updated_at: str
    ttl_ms: int | None
    poll_interval_ms: int | None = None


class AnyResult(Result):
    """A result with whatever it has."""

    model_config = ConfigDict(extra="allow")


class TaskRequest(Request[dict[str, Any], str]):
    """tasks/get, tasks/update or tasks/cancel; over HTTP with the routing header that they must have."""

    name_param: ClassVar[str | None] = "taskId"


async def task_request(session: ClientSession, method: str, **params: Any) -> dict[str, Any]:
    """One of the extension's requests. Raises MCPError."""
    answer = await session.send_request(TaskRequest(method=f"tasks/{method}", params=params), AnyResult)
    return answer.model_dump(by_alias=True, mode="json", exclude_none=True)


class TaskClient(ClientExtension):
    """Declares the extension, and finishes a call that has become a task by asking until it has ended."""

    identifier = TASKS

    def __init__(self) -> None:
        self.created: list[CreateTaskResult] = []

    def claims(self) -> Sequence[ResultClaim[Any]]:
        return [ResultClaim(result_type="task", model=CreateTaskResult, resolve=self._finish)]

    async def _finish(self, created: CreateTaskResult, context: ClaimContext) -> CallToolResult:
        self.created.append(created)
        while True:
            task = await task_request(context.session, "get", taskId=created.task_id)
            if task["status"] in ("completed", "cancelled", "failed"):
                return CallToolResult.model_validate(task.get("result", {"content": [], "isError": True}))
            await anyio.sleep(POLL_SECONDS)
