"""What an agent pays before its first call: the tool definitions and the instructions, as clients hand them to a model.

Tokens are characters / 4 here, by which such figures are compared; benchmarks/tokens.py counts with a tokenizer too.
"""

import json
from pathlib import Path
from typing import Any

import anyio
import jsonschema
import pytest
from mcp_types import Tool

from pgdex.jobs.mcp.definitions import without_silence
from pgdex.jobs.mcp.instructions import INSTRUCTIONS
from pgdex.jobs.mcp.server import build_server
from pgdex.jobs.mcp.server_context import ServerContext
from pgdex.jobs.settings import Settings

MOST_OF_ALL_TOOLS = 1_600
MOST_OF_THE_INSTRUCTIONS = 200
SAID_BY_THEIR_NAME = {
    *("name", "tag", "status", "created_before", "limit", "offset", "language", "tests", "line"),
}
TOOLS = 10
"""Of today; one that is added has to fit in."""


@pytest.fixture(scope="module")
def tools() -> list[Tool]:
    """As a server lists them that never opens its database."""
    server = build_server(ServerContext(Settings(), folder=Path("/")), eager=False)
    return anyio.run(server.list_tools)


def shown_to_models(tool: Tool) -> str:
    wire = tool.model_dump(mode="json", by_alias=True, exclude_none=True)
    shown = {name: wire[name] for name in ("name", "description", "inputSchema")}
    return json.dumps(shown, ensure_ascii=False, separators=(",", ":"))


def test_all_tools_together_cost_an_agent_no_more_than_promised(tools: list[Tool]) -> None:
    assert len(tools) >= TOOLS
    costs = {tool.name: len(shown_to_models(tool)) / 4 for tool in tools}
    assert sum(costs.values()) <= MOST_OF_ALL_TOOLS, costs


def test_the_instructions_cost_an_agent_no_more_than_promised() -> None:
    assert len(INSTRUCTIONS) / 4 <= MOST_OF_THE_INSTRUCTIONS


def test_what_a_project_is_is_explained_by_one_tool(tools: list[Tool]) -> None:
    explained = {tool.name: tool.input_schema["properties"]["project_id"].get("description") for tool in tools}

    assert "keeps repositories apart" in (explained.pop("start_indexing_background") or "")
    assert set(explained.values()) == {None}
    assert "Arguments of the same name mean the same" in INSTRUCTIONS


def test_the_models_are_told_when_to_use_which_search(tools: list[Tool]) -> None:
    described = {tool.name: tool.description or "" for tool in tools}

    assert "for an exact string grep is better" in described["search_code"]
    assert "before you change something" in described["find_related_code"]
    assert "Don't poll" in described["get_indexing_status"]
    assert all("\n" not in one for one in described.values())


@pytest.mark.parametrize(
    ("schema", "slim"),
    [
        ({"title": "A", "type": "string", "maxLength": 9}, {"type": "string"}),
        ({"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}, {"type": "string"}),
        (
            {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}], "description": "d"},
            {"description": "d", "anyOf": [{"type": "string"}, {"type": "integer"}]},
        ),
        ({"type": "integer", "default": 0}, {"type": "integer", "default": 0}),
        ({"type": "boolean", "default": False}, {"type": "boolean"}),
        # An argument may be called like a keyword.
        (
            {"properties": {"title": {"title": "Title", "type": "string"}, "default": {"type": "null"}}},
            {"properties": {"title": {"type": "string"}, "default": {"type": "null"}}},
        ),
    ],
)
def test_a_schema_loses_what_says_nothing_and_nothing_else(schema: dict[str, Any], slim: dict[str, Any]) -> None:
    assert without_silence(schema) == slim


def test_every_argument_is_described_by_a_tool_or_by_its_name_and_type(tools: list[Tool]) -> None:
    arguments = [argument for tool in tools for argument in tool.input_schema["properties"].items()]
    described = {name for name, schema in arguments if schema.get("description")}

    assert {name for name, _ in arguments} - described == SAID_BY_THEIR_NAME
    for name, schema in arguments:
        assert {"type", "anyOf"} & schema.keys(), name


def test_the_slim_schemas_are_schemas_and_allow_no_null(tools: list[Tool]) -> None:
    for tool in tools:
        for schema in (tool.input_schema, tool.output_schema):
            assert schema is not None
            jsonschema.Draft202012Validator.check_schema(schema)
            assert '"null"' not in json.dumps(schema)
