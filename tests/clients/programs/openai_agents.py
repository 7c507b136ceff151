"""openai-agents: the tools as its own, their schemas made strict where that is asked for."""

import asyncio
import json
import sys
from typing import Any

from agents.mcp import MCPServerStdio, MCPServerStreamableHttp, MCPUtil


async def main(task: dict[str, Any]) -> dict[str, Any]:
    if "url" in task:
        headers = {"Authorization": f"Bearer {task['token']}"}
        server = MCPServerStreamableHttp(params={"url": task["url"], "headers": headers, "timeout": 30})
    else:
        params = {"command": task["command"], "args": task["args"], "env": task["env"]}
        server = MCPServerStdio(params=params, client_session_timeout_seconds=30)
    async with server:
        tools = [tool.name for tool in await server.list_tools()]
        functions = {
            strict: [MCPUtil.to_function_tool(tool, server, strict) for tool in await server.list_tools()]
            for strict in (False, True)
        }
        search = await server.call_tool("search_code", task["search"])
        refused = await server.call_tool("get_indexing_status", {"job_id": "nonsense"})
        prompt = await server.get_prompt("find_where", {"what": "a cart is filled"})
        protocol = getattr(server.session, "protocol_version", None)
    return {
        "protocol": protocol,
        "tools": tools,
        "functions": {str(strict): len(made) for strict, made in functions.items()},
        "search": search.structuredContent if hasattr(search, "structuredContent") else search.structured_content,
        "error": refused.content[0].text,
        "prompt": prompt.messages[0].content.text,
    }


print(json.dumps(asyncio.run(main(json.load(sys.stdin)))))
