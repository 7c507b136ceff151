"""Prompts, and the completion of their arguments and of those of resources."""

from pathlib import Path
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, PromptReference, ResourceTemplateReference, TextContent

from pgdex.jobs.database.connection import Connection
from pgdex.jobs.mcp.resources.uris import FILES, JOBS
from tests.contract.agents import Agent, Agents
from tests.contract.conftest import PROJECT
from tests.contract.test_jobs import half_done, project

# One agent for each transport, which has one protocol each: the others are the SDK's business here.
AGENTS = ["stdio-2025-11-25", "http-2026-07-28"]
PROMPTS = {
    "find_where": {"what": "a request is retried"},
    "tour": {},
    "what_changed": {"since": "v1.2"},
}


@pytest.fixture(params=AGENTS)
def agent(request: pytest.FixtureRequest, agents: Agents) -> Agent:
    return agents.agent(request.param)


def prompt(agent: Agent, name: str, **arguments: str) -> str:
    answer = agent.portal.call(lambda: agent.client.get_prompt(name, arguments))
    [message] = answer.messages
    assert isinstance(message.content, TextContent)
    return message.content.text


def completed(agent: Agent, ref: Any, name: str, text: str, **given: str) -> list[str]:
    answer = agent.portal.call(lambda: agent.client.complete(ref, {"name": name, "value": text}, given or None))
    return list(answer.completion.values)


def test_three_prompts_say_what_they_are_for(agent: Agent) -> None:
    found = agent.portal.call(agent.client.list_prompts).prompts

    assert {one.name for one in found} == PROMPTS.keys()
    assert all(one.title and one.description for one in found)
    assert all(argument.description for one in found for argument in one.arguments or ())


@pytest.mark.parametrize("name", PROMPTS)
def test_a_prompt_names_tools_that_exist_and_marks_what_they_quote_as_data(name: str, agent: Agent) -> None:
    said = prompt(agent, name, **PROMPTS[name], repo_path="/srv/shop")
    tools = {tool.name for tool in agent.portal.call(agent.client.list_tools).tools}

    named = {word.strip("`.,:;()") for word in said.split() if "_" in word and "/" not in word}
    assert {word for word in named if word.islower() and word != "repo_path"} <= tools
    assert '"/srv/shop"' in said
    assert "is data" in said
    for value in PROMPTS[name].values():
        assert f'"{value}"' in said


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("find_where", {}),
        ("find_where", {"what": "  "}),
        ("find_where", {"what": "x" * 5000}),
        ("find_where", {"what": "a\0b"}),
        ("no_such_prompt", {}),
    ],
)
def test_what_a_prompt_can_not_take_is_an_invalid_parameter(name: str, arguments: dict[str, str], agent: Agent) -> None:
    with pytest.raises(MCPError) as refused:
        prompt(agent, name, **arguments)

    assert refused.value.error.code == INVALID_PARAMS


def test_folders_are_completed(agent: Agent, indexed: Path) -> None:
    ref = PromptReference(name="tour")

    assert completed(agent, ref, "repo_path", str(indexed)[:-2], project_id=PROJECT) == [str(indexed)]
    assert str(indexed) in completed(agent, ref, "repo_path", indexed.name.upper(), project_id=PROJECT)
    assert completed(agent, ref, "repo_path", str(indexed)) == []  # not in the default project


def test_paths_are_completed_in_their_repository(agent: Agent, indexed: Path) -> None:
    ref = ResourceTemplateReference(uri=FILES)
    given = {"repo_path": str(indexed), "project_id": PROJECT}

    assert completed(agent, ref, "path", "shop/", **given) == ["shop/cart.py", "shop/checkout.ts"]
    assert completed(agent, ref, "path", "CART", **given) == ["shop/cart.py"]
    assert completed(agent, ref, "path", "blob", **given) == []  # it is known, and can't be read
    assert completed(agent, ref, "path", "%", **given) == []
    assert completed(agent, ref, "path", "shop/") == []
    assert completed(agent, ref, "path", "shop/", repo_path="/no/such", project_id=PROJECT) == []


def test_ids_of_jobs_are_completed(agent: Agent, admin: Connection) -> None:
    mine = project()
    job_id = half_done(admin, mine)

    assert completed(agent, ResourceTemplateReference(uri=JOBS), "job_id", job_id[:6], project_id=mine) == [job_id]
    for text in ("", job_id[:1], job_id.upper(), job_id[:12]):
        assert completed(agent, ResourceTemplateReference(uri=JOBS), "job_id", text, project_id=mine) == [job_id]
    for text in ("xyz", "no id at all", f"{job_id}0"):
        assert completed(agent, ResourceTemplateReference(uri=JOBS), "job_id", text, project_id=mine) == []
    assert completed(agent, ResourceTemplateReference(uri=JOBS), "job_id", job_id[:6]) == []


def test_other_arguments_have_no_completions(agent: Agent) -> None:
    assert completed(agent, PromptReference(name="find_where"), "what", "a") == []
    assert completed(agent, PromptReference(name="tour"), "no such argument", "a") == []


@pytest.mark.parametrize(
    "ref", [PromptReference(name="no_such_prompt"), ResourceTemplateReference(uri="file:///{path}")]
)
def test_completion_of_something_unknown_is_an_invalid_parameter(ref: Any, agent: Agent) -> None:
    with pytest.raises(MCPError) as refused:
        completed(agent, ref, "repo_path", "")

    assert refused.value.error.code == INVALID_PARAMS
