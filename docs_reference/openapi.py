"""The OpenAPI description of the MCP server's stateless POST, from the schemas that a client of MCP gets."""

import json
from typing import Any

from mcp_types import Tool

from docs_reference.mcp_tools import listed_tools

PROTOCOL = "2026-07-28"
"""The version of MCP in which a request stands for itself: no handshake, no session."""
Schema = dict[str, Any]

EXAMPLES: dict[str, dict[str, object]] = {
    "start_indexing_background": {"repo_path": "/home/ada/src/shop"},
    "get_indexing_status": {"job_id": "123e4567-e89b-12d3-a456-426614174000"},
    "list_background_jobs": {"status": ["running", "failed"], "limit": 5},
    "cancel_indexing_background": {"job_id": "123e4567-e89b-12d3-a456-426614174000", "confirmed": True},
    "retry_indexing": {"job_id": "123e4567-e89b-12d3-a456-426614174000"},
    "list_repositories": {},
    "remove_repository": {"repo_path": "/home/ada/src/shop", "confirmed": True},
    "search_code": {"query": "where is the shopping cart", "limit": 3},
    "find_related_code": {"path": "/home/ada/src/shop/cart.py", "line": 1},
    "watch_indexing": {"job_id": "123e4567-e89b-12d3-a456-426614174000", "timeout_seconds": 30},
}
"""Arguments of a request of each tool."""


def openapi_page() -> str:
    """The description as JSON."""
    return json.dumps(openapi(), ensure_ascii=False, indent=2) + "\n"


def openapi() -> Schema:
    """The description as an object. Raises KeyError for a tool that has no example."""
    tools = listed_tools()
    schemas: Schema = {"Envelope": ENVELOPE, "ToolError": TOOL_ERROR, "ProtocolError": PROTOCOL_ERROR}
    for tool in tools:
        schemas |= _schemas(tool)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "pgdex",
            "version": PROTOCOL,
            "summary": "Code search and background indexing over HTTP.",
            "description": "One POST per call, each complete in itself. `pgdex mcp --http 127.0.0.1:8765` serves it. "
            "Generated from the code by `make reference`.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "http://127.0.0.1:8765"}],
        "security": [{"token": []}],
        "paths": {"/mcp": {"post": _call(tools)}, "/healthz": {"get": HEALTH}},
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "What `pgdex mcp token` prints."}
            },
            "schemas": schemas,
        },
    }


def request_of(tool: str, arguments: dict[str, object], *, request_id: int = 1) -> Schema:
    """The body of a call."""
    envelope = {
        "io.modelcontextprotocol/protocolVersion": PROTOCOL,
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    return {
        "jsonrpc": "2.0",
        "id": request_id,
        "method": "tools/call",
        "params": {"name": tool, "arguments": arguments, "_meta": envelope},
    }


def _call(tools: list[Tool]) -> Schema:
    requests = {"oneOf": [_ref(f"{tool.name}.Request") for tool in tools]}
    replies = {"anyOf": [*(_ref(f"{tool.name}.Reply") for tool in tools), _ref("ToolError")]}
    examples = {
        tool.name: {"summary": tool.title, "value": request_of(tool.name, EXAMPLES[tool.name])} for tool in tools
    }
    return {
        "operationId": "callTool",
        "summary": "Call a tool",
        "description": "Which tool is called is said twice, in the body and in the header Mcp-Name.",
        "parameters": [
            _header("MCP-Protocol-Version", {"const": PROTOCOL}),
            _header("Mcp-Method", {"const": "tools/call"}),
            _header("Mcp-Name", {"enum": [tool.name for tool in tools]}),
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": requests, "examples": examples}}},
        "responses": {
            "200": {
                "description": "What the tool answers, or its error (isError). A call that reports progress or takes "
                "longer than some seconds answers with text/event-stream; the last event is the reply.",
                "content": {
                    "application/json": {"schema": replies},
                    "text/event-stream": {"schema": {"type": "string"}},
                },
            },
            "400": _failure("The body is no request, a header does not match it, or there is no such tool."),
            "401": _refusal("The token is missing or wrong."),
            "403": _refusal("The Origin is not known."),
            "406": {"description": "Accept must name application/json and text/event-stream."},
            "413": {"description": "The body is larger than 1 MiB."},
            "421": _refusal("The Host is not known."),
            "503": _refusal("The server is busy; Retry-After says in how many seconds to try again."),
        },
    }


def _schemas(tool: Tool) -> Schema:
    """The request and the reply of a tool, with what they refer to, under names that begin with the tool's."""
    request = {
        "type": "object",
        "description": tool.description,
        "required": ["jsonrpc", "id", "method", "params"],
        "properties": {
            "jsonrpc": {"const": "2.0"},
            "id": {"type": ["integer", "string"]},
            "method": {"const": "tools/call"},
            "params": {
                "type": "object",
                "required": ["name", "_meta"],
                "properties": {
                    "name": {"const": tool.name},
                    # Whatever the schema says of others, the server refuses them.
                    "arguments": {**tool.input_schema, "additionalProperties": False},
                    "_meta": _ref("Envelope"),
                },
            },
        },
    }
    result = {
        "type": "object",
        "required": ["content", "structuredContent", "isError"],
        "properties": {
            "content": TEXTS,
            "structuredContent": _ref(f"{tool.name}.Answer"),
            "isError": {"const": False},
        },
    }
    reply = {
        "type": "object",
        "required": ["jsonrpc", "id", "result"],
        "properties": {"jsonrpc": {"const": "2.0"}, "id": {"type": ["integer", "string"]}, "result": result},
    }
    made: Schema = {f"{tool.name}.Request": request, f"{tool.name}.Reply": reply}
    made[f"{tool.name}.Answer"] = tool.output_schema or {}
    below: Schema = {}
    for name, schema in made.items():
        made[name] = _moved(schema, tool.name, below)
    return made | {f"{tool.name}.{name}": schema for name, schema in below.items()}


def _moved(schema: Any, tool: str, below: Schema) -> Any:
    """`schema` with what stands under its $defs moved into `below`, and references that lead there."""
    if isinstance(schema, list):
        return [_moved(one, tool, below) for one in schema]
    if not isinstance(schema, dict):
        return schema
    for name, one in schema.get("$defs", {}).items():
        below[name] = _moved(one, tool, below)
    kept = {key: _moved(value, tool, below) for key, value in schema.items() if key != "$defs"}
    if isinstance(target := kept.get("$ref"), str) and target.startswith("#/$defs/"):
        kept["$ref"] = f"#/components/schemas/{tool}.{target.removeprefix('#/$defs/')}"
    return kept


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _header(name: str, schema: Schema) -> Schema:
    return {"name": name, "in": "header", "required": True, "schema": {"type": "string", **schema}}


def _failure(description: str) -> Schema:
    return {"description": description, "content": {"application/json": {"schema": _ref("ProtocolError")}}}


def _refusal(description: str) -> Schema:
    schema = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


TEXTS: Schema = {
    "type": "array",
    "description": "The answer as text, for a model.",
    "items": {
        "type": "object",
        "required": ["type", "text"],
        "properties": {"type": {"const": "text"}, "text": {"type": "string"}},
    },
}
ENVELOPE: Schema = {
    "type": "object",
    "description": "What the handshake says in other versions of MCP.",
    "required": ["io.modelcontextprotocol/protocolVersion", "io.modelcontextprotocol/clientCapabilities"],
    "properties": {
        "io.modelcontextprotocol/protocolVersion": {"const": PROTOCOL},
        "io.modelcontextprotocol/clientCapabilities": {"type": "object"},
    },
}
TOOL_ERROR: Schema = {
    "type": "object",
    "description": "The tool could not do it. The text is a code, a colon, what is wrong and what to do.",
    "required": ["jsonrpc", "id", "result"],
    "properties": {
        "jsonrpc": {"const": "2.0"},
        "id": {"type": ["integer", "string"]},
        "result": {
            "type": "object",
            "required": ["content", "isError"],
            "properties": {"content": TEXTS, "isError": {"const": True}},
        },
    },
}
PROTOCOL_ERROR: Schema = {
    "type": "object",
    "required": ["jsonrpc", "id", "error"],
    "properties": {
        "jsonrpc": {"const": "2.0"},
        "id": {"type": ["integer", "string", "null"]},
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {"code": {"type": "integer"}, "message": {"type": "string"}},
        },
    },
}
HEALTH_SCHEMA: Schema = {
    "type": "object",
    "required": ["status"],
    "properties": {"status": {"type": "string"}, "database": {"type": "string"}},
}
HEALTH: Schema = {
    "operationId": "health",
    "summary": "Whether the server and its database work",
    "description": "Without the token only `status` is told.",
    "security": [{"token": []}, {}],
    "responses": {
        "200": {"description": "They do.", "content": {"application/json": {"schema": HEALTH_SCHEMA}}},
        "503": {"description": "They don't.", "content": {"application/json": {"schema": HEALTH_SCHEMA}}},
    },
}
