"""What the server says that it can do: only that of which it has something."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcp.server.context import CallNext, HandlerResult, ServerMiddleware, ServerRequestContext
    from mcp.server.mcpserver import MCPServer

GREETINGS = frozenset({"initialize", "server/discover"})


def only_what_there_is(server: "MCPServer[Any]") -> "ServerMiddleware[Any]":
    """A middleware that takes prompts and resources out of the declared capabilities where the server has none.

    The SDK declares them for every server, and a client that believes it asks for lists that are always empty.
    """

    async def declare(ctx: "ServerRequestContext[Any, Any]", call_next: "CallNext") -> "HandlerResult":
        result = await call_next(ctx)
        if ctx.method not in GREETINGS or not isinstance(result, dict):
            return result
        empty = set()
        if not await server.list_prompts():
            empty.add("prompts")
        if not await server.list_resources() and not await server.list_resource_templates():
            empty.add("resources")
        declared = {name: value for name, value in result.get("capabilities", {}).items() if name not in empty}
        return {**result, "capabilities": declared}

    return declare
