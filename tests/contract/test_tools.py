"""What a client learns about the server before it calls anything."""

from typing import Any

# Comes with mcp, which checks answers with it as well; it has no types of its own.
import jsonschema
import pytest
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, Tool

from tests.contract.agents import TRANSPORTS, Agent, Agents
from tests.contract.conftest import PROJECT

TOOLS = {
    "start_indexing_background": (
        *("repo_path", "name", "project_id", "force_reindex", "allow_broad", "no_ignore", "branch", "tag", "commit"),
    ),
    "get_indexing_status": ("job_id", "project_id"),
    "list_background_jobs": (
        *("status", "repo_path", "project_id", "created_after", "created_before", "limit", "offset"),
    ),
    "cancel_indexing_background": ("job_id", "confirmed", "project_id"),
    "retry_indexing": ("job_id", "project_id"),
    "list_repositories": ("repo_path", "project_id", "limit", "offset"),
    "remove_repository": ("repo_path", "all_views", "confirmed", "project_id"),
    "search_code": (
        *("query", "project_id", "repo_path", "everywhere", "view", "path_glob", "language", "kinds", "tests"),
        *("limit", "detail", "max_tokens"),
    ),
    "find_related_code": ("path", "line", "repo_path", "project_id", "tests", "limit", "detail", "max_tokens"),
    "watch_indexing": ("job_id", "timeout_seconds", "project_id"),
}
READERS = {
    *("get_indexing_status", "list_background_jobs", "list_repositories", "search_code", "find_related_code"),
    "watch_indexing",
}
DESTROYERS = {"cancel_indexing_background", "remove_repository"}


def tools_of(agent: Agent) -> dict[str, Tool]:
    return {tool.name: tool for tool in agent.portal.call(agent.client.list_tools).tools}


def nothings(value: Any) -> list[Any]:
    """Each null in a document."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [one for one in inner if one is None] + [found for one in inner for found in nothings(one)]


@pytest.mark.parametrize("name", TRANSPORTS)
def test_each_door_speaks_the_protocol_that_it_was_asked_for(name: str, agents: Agents) -> None:
    assert agents.agent(name).client.protocol_version == name.partition("-")[2]


def test_the_tools_and_their_arguments_are_the_promised_ones(agent: Agent) -> None:
    assert {name: tuple(tool.input_schema["properties"]) for name, tool in tools_of(agent).items()} == TOOLS


def test_every_tool_has_schemas_that_are_schemas(agent: Agent) -> None:
    for tool in tools_of(agent).values():
        for schema in (tool.input_schema, tool.output_schema):
            assert schema is not None
            jsonschema.Draft202012Validator.check_schema(schema)
            assert schema["type"] == "object"


def test_every_tool_is_described(agent: Agent) -> None:
    for tool in tools_of(agent).values():
        assert tool.title
        assert tool.description
        assert len(tool.description) > 80, tool.name


def test_no_tool_takes_arguments_that_it_does_not_have(agent: Agent) -> None:
    for name in TOOLS:
        reply = agent.call(name, repository="/tmp")
        assert reply.code == "VALIDATION_ERROR"
        assert reply.error.startswith("VALIDATION_ERROR: unknown argument 'repository'; this tool's arguments are ")


def test_the_annotations_say_what_a_tool_may_change(agent: Agent) -> None:
    for name, tool in tools_of(agent).items():
        notes = tool.annotations
        assert notes is not None
        assert notes.read_only_hint is (name in READERS)
        assert notes.destructive_hint is (name in DESTROYERS)
        assert notes.idempotent_hint is (name not in DESTROYERS)
        assert notes.open_world_hint is False


def test_the_limits_are_in_the_schemas(agent: Agent) -> None:
    arguments = tools_of(agent)["list_background_jobs"].input_schema["properties"]

    assert (arguments["limit"]["minimum"], arguments["limit"]["maximum"], arguments["limit"]["default"]) == (1, 100, 20)
    assert (arguments["offset"]["minimum"], arguments["offset"]["default"]) == (0, 0)
    search = tools_of(agent)["search_code"].input_schema["properties"]
    assert (search["limit"]["default"], search["detail"]["enum"]) == (5, ["outline", "code", "full"])


def test_the_server_says_what_it_is_for(agent: Agent) -> None:
    assert agent.client.server_info is not None
    assert agent.client.server_info.name == "pgdex"
    assert agent.client.instructions is not None
    assert "start_indexing_background" in agent.client.instructions


def test_every_answer_has_the_form_of_its_output_schema(agent: Agent, indexed: object) -> None:
    tools = tools_of(agent)

    def checked(name: str, **arguments: Any) -> dict[str, Any]:
        answer = agent.call(name, **arguments).data
        schema = tools[name].output_schema
        assert schema is not None
        jsonschema.validate(answer, schema, format_checker=jsonschema.FormatChecker())
        assert set(schema["required"]) <= answer.keys() <= schema["properties"].keys()
        assert not nothings(answer), name
        return answer

    started = checked("start_indexing_background", repo_path=str(indexed), project_id="schemas")
    job = {"job_id": started["job_id"], "project_id": "schemas"}
    checked("get_indexing_status", **job)
    checked("watch_indexing", **job, timeout_seconds=0)
    checked("list_background_jobs", project_id=PROJECT)
    checked("cancel_indexing_background", **job)
    checked("cancel_indexing_background", **job, confirmed=True)
    again = checked("retry_indexing", **job)
    checked("cancel_indexing_background", job_id=again["job_id"], project_id="schemas", confirmed=True)
    checked("list_repositories", project_id="schemas")
    checked("remove_repository", repo_path=str(indexed), project_id="schemas")
    checked("remove_repository", repo_path=str(indexed), project_id="schemas", confirmed=True)
    checked("search_code", query="cart", project_id=PROJECT)
    hit = checked("search_code", query="cart", project_id=PROJECT)["hits"][0]
    place = {"path": f"{indexed}/{hit['path']}", "line": hit["start_line"]}
    checked("find_related_code", **place, project_id=PROJECT)


def test_a_tool_that_is_not_there_is_an_error_of_the_protocol_that_names_those_that_are(agent: Agent) -> None:
    with pytest.raises(MCPError) as refused:
        agent.call("search_coed", query="x")

    assert refused.value.error.code == INVALID_PARAMS == -32602
    assert "unknown tool 'search_coed'; the tools are start_indexing_background, " in refused.value.error.message


def test_the_server_declares_nothing_of_which_it_has_nothing(agent: Agent) -> None:
    declared = agent.client.server_capabilities
    assert declared is not None

    assert declared.tools is not None
    if declared.resources is not None:
        listed = agent.portal.call(agent.client.list_resources).resources
        assert listed or agent.portal.call(agent.client.list_resource_templates).resource_templates
    if declared.prompts is not None:
        assert agent.portal.call(agent.client.list_prompts).prompts
