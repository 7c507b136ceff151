"""The page of MCP tools, resources and prompts, from what a client gets."""

from pathlib import Path
from typing import Any

import anyio
from mcp_types import Prompt, Resource, ResourceTemplate, Tool

from docs_reference.markdown import code, prose, table
from pgdex.jobs.mcp.server import PgdexServer, build_server
from pgdex.jobs.mcp.server_context import ServerContext
from pgdex.jobs.settings import Settings


def mcp_tools_page() -> str:
    """Every tool: what the model reads about it, its arguments, and its answer; every resource and every prompt."""
    parts = [
        "# MCP tools, resources and prompts\n",
        "What `pgdex mcp` tells a client about its tools, its [resources](#resources) and its [prompts](#prompts). "
        "[Agents](../agents.md) shows how to register the server, a session, and what the errors mean; "
        "[MCP](../mcp.md) explains tasks, subscriptions, and how well the server keeps to the protocol.\n",
    ]
    server = _server()
    for tool in anyio.run(server.list_tools):
        parts.extend(_section(tool))
    parts.append("## Resources\n")
    for resource in anyio.run(server.list_resources):
        parts.extend(_resource(resource.uri, resource))
    for template in anyio.run(server.list_resource_templates):
        parts.extend(_resource(template.uri_template, template))
    parts.append("## Prompts\n")
    for prompt in anyio.run(server.list_prompts):
        parts.extend(_prompt(prompt))
    return "\n".join(parts)


def _server() -> PgdexServer:
    """A server that never opens its database. Settings of whoever runs this play no part in it."""
    return build_server(ServerContext(Settings(), folder=Path("/")), eager=False)


def listed_tools() -> list[Tool]:
    """The tools as a client gets them."""
    return anyio.run(_server().list_tools)


def _resource(uri: str, resource: Resource | ResourceTemplate) -> list[str]:
    said = f"*{resource.title}* ({code(resource.mime_type)})\n"
    return [f"### {code(uri)}\n", said, prose(resource.description or "") + "\n"]


def _prompt(prompt: Prompt) -> list[str]:
    rows = [
        [code(one.name), "required" if one.required else "optional", prose(one.description or "")]
        for one in prompt.arguments or ()
    ]
    said = [f"### {prompt.name}\n", f"*{prompt.title}*\n", prose(prompt.description or "") + "\n"]
    return [*said, table(["argument", "", "meaning"], rows)]


def _section(tool: Tool) -> list[str]:
    arguments = tool.input_schema
    answer = tool.output_schema or {}
    parts = [f"## {tool.name}\n", f"*{tool.title}*{_hints(tool)}\n", prose(tool.description or "") + "\n"]
    parts += ["### Arguments of " + code(tool.name) + "\n", _fields(arguments, with_defaults=True)]
    parts += ["### Answer of " + code(tool.name) + "\n", _fields(answer, with_defaults=False)]
    for name, below in answer.get("$defs", {}).items():
        if "properties" in below:
            parts += [f"**{name}**: {prose(below.get('description', ''))}\n", _fields(below, with_defaults=False)]
    return parts


def _hints(tool: Tool) -> str:
    hints = tool.annotations
    assert hints is not None, tool.name
    words = ["reads only" if hints.read_only_hint else "destructive" if hints.destructive_hint else "starts work"]
    if hints.idempotent_hint:
        words.append("may be repeated")
    return f" ({', '.join(words)})"


def _fields(schema: dict[str, Any], *, with_defaults: bool) -> str:
    """A table of an object's properties."""
    required = set(schema.get("required", ()))
    rows = []
    for name, field in schema.get("properties", {}).items():
        row = [code(name), _type(field)]
        if with_defaults:
            row.append("required" if name in required else _default(field.get("default")))
        rows.append([*row, prose(field.get("description", ""))])
    return table(["name", "type", *(["default"] if with_defaults else []), "meaning"], rows)


def _default(value: object) -> str:
    if value is None:
        return "none"
    return code(str(value).lower() if isinstance(value, bool) else value)


def _type(field: dict[str, Any]) -> str:
    """A schema's type in a few words."""
    if "anyOf" in field:
        return " or ".join(_type(option) for option in field["anyOf"])
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2]
    if "enum" in field:
        return ", ".join(code(value) for value in field["enum"])
    kind = str(field.get("type", "any"))
    if kind == "array":
        return f"list of {_type(field.get('items', {}))}"
    limits = [f"{word} {field[key]:,}" for key, word in LIMITS.items() if key in field]
    return " ".join([str(field.get("format", kind)), *limits])


LIMITS = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "up to"}
