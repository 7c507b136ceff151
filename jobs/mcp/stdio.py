"""Stdin and stdout: as the SDK serves them, and with an answer to a line that is no message.

The SDK drops such a line without a word, and a client that made a mistake would wait for ever.
"""

import logging
from typing import Any

import anyio
from anyio.streams.memory import MemoryObjectSendStream
from mcp.server.mcpserver import MCPServer
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from mcp_types import INVALID_REQUEST, PARSE_ERROR, ErrorData, JSONRPCError
from pydantic import ValidationError

from pgdex.jobs.logging import fields

Incoming = SessionMessage | Exception

logger = logging.getLogger("pgdex.mcp")


async def run_on_stdio(server: MCPServer[Any]) -> None:
    """Serve one client until it closes its side."""
    messages, read = anyio.create_memory_object_stream[Incoming](0)
    async with stdio_server() as (lines, write), anyio.create_task_group() as tasks:

        async def sort(onward: MemoryObjectSendStream[Incoming]) -> None:
            async with onward:
                async for item in lines:
                    if not isinstance(item, Exception):
                        await onward.send(item)
                    elif (error := refusal(item)) is not None:
                        logger.warning(error.message, extra=fields(action="message_refused"))
                        await write.send(SessionMessage(JSONRPCError(jsonrpc="2.0", id=None, error=error)))

        tasks.start_soon(sort, messages)
        # The only private name of the SDK in pgdex, which subscriptions.py has as well. `MCPServer.run_stdio_async()`
        # opens stdin itself, takes no streams, and nothing public runs an MCPServer over some. So pyproject.toml allows
        # one minor version of the SDK, and tests/unit/test_mcp_sdk.py notices when the name or its meaning changes.
        lowlevel = server._lowlevel_server
        await lowlevel.run(read, write, lowlevel.create_initialization_options())


def refusal(error: Exception) -> ErrorData | None:
    """What a line deserves that could not be read as a message; nothing where it is blank."""
    if not isinstance(error, ValidationError):
        return ErrorData(code=PARSE_ERROR, message="Parse error: the line can't be read")
    first = error.errors(include_url=False)[0]
    if first["type"] != "json_invalid":
        return ErrorData(code=INVALID_REQUEST, message="Invalid Request: the line is JSON, but no JSON-RPC 2.0 message")
    if not str(first["input"]).strip():
        return None
    return ErrorData(code=PARSE_ERROR, message="Parse error: every line must be one JSON-RPC message")
