"""Whatever fits the input schemas, and much that does not, is answered with a result or a tool error."""

import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.agents import TRANSPORTS, Agent, Agents
from tests.contract.conftest import PROJECT
from tests.contract.test_tools import TOOLS

CODES = {"VALIDATION_ERROR", "JOB_NOT_FOUND", "JOB_IS_FINAL", "JOB_IS_LIVE"}
# No lone surrogates: they are no UTF-8, so no client can send them.
TEXT = st.text(st.characters(codec="utf-8"), max_size=60) | st.text(string.printable, max_size=40)
PATHS = st.sampled_from(["/", "/tmp", "/no/such", "~", "~root/x", "//", "/..", "/dev/null", "/proc/self/fd", "C:\\x"])
ODD: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def like(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that a schema of ours allows, its limits included."""
    if "anyOf" in schema:
        return st.one_of([like(one) for one in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema.get("type"):
        case "string" if schema.get("format") == "date-time":
            return st.datetimes(timezones=st.timezones()).map(lambda moment: moment.isoformat()) | TEXT
        case "string":
            return TEXT | PATHS | st.uuids().map(str) | st.sampled_from([PROJECT, "default", "null", "[]", "*.py"])
        case "integer":
            return st.integers(schema.get("minimum"), schema.get("maximum"))
        case "number":
            return st.floats(schema.get("minimum"), 0.1)
        case "boolean":
            return st.booleans()
        case "array":
            return st.lists(like(schema["items"]), max_size=4)
        case "null":
            return st.none()
    raise AssertionError(f"no strategy for {schema}")


@pytest.fixture(scope="module")
def schemas(agents: Agents) -> dict[str, dict[str, Any]]:
    """The input schemas as a client gets them."""
    agent = agents.agent("http-2026-07-28")
    return {tool.name: tool.input_schema for tool in agent.portal.call(agent.client.list_tools).tools}


def arguments_of(data: st.DataObject, schema: dict[str, Any], *, nearly: bool) -> dict[str, Any]:
    """All required arguments and some others; with `nearly`, some are odd, missing, or unknown."""
    drawn = {}
    for name, argument in schema["properties"].items():
        if name in schema.get("required", ()) or data.draw(st.booleans()):
            drawn[name] = data.draw(like(argument) | ODD if nearly else like(argument), label=name)
    if nearly and data.draw(st.booleans()):
        drawn |= data.draw(st.dictionaries(TEXT, ODD, max_size=2))
    return drawn


@pytest.mark.parametrize(
    ("name", "nearly"), [(name, bool((number + 1) // 2 % 2)) for number, name in enumerate(TRANSPORTS)]
)
@pytest.mark.parametrize("tool", TOOLS)
def test_every_call_has_a_result_or_a_tool_error(
    tool: str, name: str, nearly: bool, agents: Agents, schemas: dict[str, dict[str, Any]], repository: Path
) -> None:
    agent: Agent = agents.agent(name)

    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def call(data: st.DataObject) -> None:
        arguments = arguments_of(data, schemas[tool], nearly=nearly)
        if arguments.get("repo_path") in ("/", "//", "/..") and tool == "start_indexing_background":
            arguments["repo_path"] = str(repository)  # a whole machine is no test's business
        reply = agent.call(tool, **arguments)
        if reply.raw.is_error:
            assert reply.code in CODES, reply.error
        else:
            assert isinstance(reply.data, dict)

    call()
