"""langchain-mcp-adapters: the tools as LangChain's."""

import asyncio
import json
import sys
from typing import Any

from langchain_core.tools import ToolException
from langchain_mcp_adapters.client import MultiServerMCPClient


async def main(task: dict[str, Any]) -> dict[str, Any]:
    if "url" in task:
        headers = {"Authorization": f"Bearer {task['token']}"}
        server = {"transport": "streamable_http", "url": task["url"], "headers": headers}
    else:
        server = {"transport": "stdio", "command": task["command"], "args": task["args"], "env": task["env"]}
    client = MultiServerMCPClient({"pgdex": server})
    tools = {tool.name: tool for tool in await client.get_tools()}
    call = {"type": "tool_call", "id": "1", "name": "search_code", "args": task["search"]}
    message = await tools["search_code"].ainvoke(call)
    artifact = message.artifact
    search = artifact["structured_content"] if isinstance(artifact, dict) else artifact.structured_content
    try:
        said = await tools["get_indexing_status"].ainvoke({"job_id": "nonsense"})
        error = said if isinstance(said, str) else json.dumps(said)
    except ToolException as refused:
        error = str(refused)
    resources = await client.get_resources("pgdex", uris=[task["file"]])
    prompt = await client.get_prompt("pgdex", "find_where", arguments={"what": "a cart is filled"})
    return {
        "tools": list(tools),
        "search": search,
        "error": error,
        "file": resources[0].as_string(),
        "prompt": prompt[0].content,
    }


print(json.dumps(asyncio.run(main(json.load(sys.stdin)))))
