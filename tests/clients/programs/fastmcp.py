"""fastmcp's client: tools, resources, prompts, completion."""

import asyncio
import json
import sys
from typing import Any

from fastmcp import Client
from fastmcp.client.transports import StdioTransport, StreamableHttpTransport
from fastmcp.exceptions import ToolError


async def main(task: dict[str, Any]) -> dict[str, Any]:
    if "url" in task:
        transport = StreamableHttpTransport(task["url"], headers={"Authorization": f"Bearer {task['token']}"})
    else:
        transport = StdioTransport(task["command"], task["args"], env=task["env"])
    seen: list[Any] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        seen.append([progress, total, message])

    async with Client(transport) as client:
        tools = [tool.name for tool in await client.list_tools()]
        search = await client.call_tool("search_code", task["search"], progress_handler=note)
        try:
            await client.call_tool("get_indexing_status", {"job_id": "nonsense"})
            error = None
        except ToolError as refused:
            error = str(refused)
        resources = [str(one.uri) for one in await client.list_resources()]
        templates = await client.list_resource_templates()
        file = await client.read_resource(task["file"])
        prompts = [one.name for one in await client.list_prompts()]
        prompt = await client.get_prompt("find_where", {"what": "a cart is filled"})
        protocol = client.protocol_version
    return {
        "protocol": protocol,
        "tools": tools,
        "search": search.structured_content,
        "error": error,
        "resources": resources,
        "templates": len(templates),
        "file": file[0].text,
        "prompts": prompts,
        "prompt": prompt.messages[0].content.text,
    }


print(json.dumps(asyncio.run(main(json.load(sys.stdin)))))
