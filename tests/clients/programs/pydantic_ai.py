"""pydantic-ai: an agent whose model is a function, so that the whole loop runs without one."""

import asyncio
import json
import sys
from typing import Any

from pydantic_ai import Agent
from pydantic_ai.mcp import MCPServerStdio, MCPServerStreamableHTTP
from pydantic_ai.messages import ModelResponse, RetryPromptPart, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import FunctionModel


async def main(task: dict[str, Any]) -> dict[str, Any]:
    if "url" in task:
        server = MCPServerStreamableHTTP(task["url"], headers={"Authorization": f"Bearer {task['token']}"})
    else:
        server = MCPServerStdio(task["command"], task["args"], env=task["env"])
    answer: dict[str, Any] = {}

    def model(messages: Any, info: Any) -> Any:
        answer["tools"] = [tool.name for tool in info.function_tools]
        parts = [part for message in messages for part in message.parts]
        returned = [part for part in parts if isinstance(part, ToolReturnPart)]
        refused = [part for part in parts if isinstance(part, RetryPromptPart)]
        if not returned:
            return ModelResponse(parts=[ToolCallPart("search_code", task["search"])])
        answer["search"] = returned[0].content
        if not refused:
            return ModelResponse(parts=[ToolCallPart("get_indexing_status", {"job_id": "nonsense"})])
        answer["error"] = str(refused[0].content)
        return ModelResponse(parts=[TextPart("done")])

    agent = Agent(FunctionModel(model), toolsets=[server])
    async with agent:
        result = await agent.run("where is a cart filled?")
    assert result.output == "done", result.output
    return answer


print(json.dumps(asyncio.run(main(json.load(sys.stdin))), default=str))
