"""pydantic-ai: an agent whose model is a function, so that the whole loop runs without one."""

import asyncio
import json
import sys
from typing import Any

from fastmcp.client.transports import StdioTransport, StreamableHttpTransport
from pydantic_ai import Agent
from pydantic_ai.mcp import MCPToolset
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import FunctionModel


async def main(task: dict[str, Any]) -> dict[str, Any]:
    if "url" in task:
        transport = StreamableHttpTransport(task["url"], headers={"Authorization": f"Bearer {task['token']}"})
    else:
        transport = StdioTransport(task["command"], task["args"], env=task["env"])
    server = MCPToolset(transport)
    answer: dict[str, Any] = {}

    def model(messages: Any, info: Any) -> Any:
        answer["tools"] = [tool.name for tool in info.function_tools]
        parts = [part for message in messages for part in message.parts if not isinstance(part, ToolCallPart)]
        of = {part.tool_name: part.content for part in parts if getattr(part, "tool_name", None) is not None}
        for name, arguments in (("search_code", task["search"]), ("get_indexing_status", {"job_id": "nonsense"})):
            if name not in of:
                return ModelResponse(parts=[ToolCallPart(name, arguments)])
        answer.update(search=of["search_code"], error=str(of["get_indexing_status"]))
        return ModelResponse(parts=[TextPart("done")])

    agent = Agent(FunctionModel(model), toolsets=[server])
    async with agent:
        answer["protocol"] = server.client.protocol_version
        result = await agent.run("where is a cart filled?")
    assert result.output == "done", result.output
    return answer


print(json.dumps(asyncio.run(main(json.load(sys.stdin))), default=str))
