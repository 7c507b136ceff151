"""fastmcp-tasks: a client of the Tasks extension that others have written."""

import asyncio
import json
import sys
from typing import Any

from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport
from fastmcp_tasks import call_tool_task


async def main(task: dict[str, Any]) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {task['token']}"}
    async with Client(StreamableHttpTransport(task["url"], headers=headers)) as client:
        started = await call_tool_task(client, "start_indexing_background", {"repo_path": task["repo_path"]})
        first = await started.status()
        result = await started.result()
        # Where nobody asks for the handle, a call waits for its task by itself.
        again = await client.call_tool("start_indexing_background", {"repo_path": task["repo_path"]})
    return {
        "task_id": started.task_id,
        "first": first.status,
        "result": result.structured_content,
        "again": again.structured_content,
    }


print(json.dumps(asyncio.run(main(json.load(sys.stdin)))))
