"""Clients that fill in every optional argument, or write a value in another type than the schema's."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.contract.agents import Agent, Agents
from tests.contract.conftest import PROJECT
from tests.contract.test_tools import TOOLS

REQUIRED = {
    "start_indexing_background": ("repo_path",),
    "get_indexing_status": ("job_id",),
    "list_background_jobs": (),
    "cancel_indexing_background": ("job_id",),
    "retry_indexing": ("job_id",),
    "list_repositories": (),
    "remove_repository": ("repo_path",),
    "search_code": ("query",),
    "find_related_code": ("path", "line"),
    "watch_indexing": ("job_id",),
}
NOTHING: list[Any] = [None, "", "  ", "\n", []]


@pytest.fixture
def agent(agents: Agents) -> Agent:
    """One is enough: the arguments are read behind all of them."""
    return agents.agent("stdio-2026-07-28")


@pytest.fixture
def values(indexed: Path, repository: Path) -> dict[str, dict[str, Any]]:
    """A right value for each required argument of each tool."""
    place = {"path": f"{indexed}/shop/cart.py", "line": 1}
    by_tool: dict[str, dict[str, Any]] = {tool: {"job_id": str(uuid4())} for tool in TOOLS}
    return by_tool | {
        "start_indexing_background": {"repo_path": str(repository)},
        "list_background_jobs": {},
        "list_repositories": {},
        "remove_repository": {"repo_path": str(indexed)},
        "search_code": {"query": "cart"},
        "find_related_code": place,
    }


@pytest.mark.parametrize("nothing", NOTHING, ids=repr)
@pytest.mark.parametrize("tool", TOOLS)
def test_an_optional_argument_that_says_nothing_is_as_if_it_was_not_given(
    tool: str, nothing: Any, agent: Agent, values: dict[str, dict[str, Any]]
) -> None:
    optional = [name for name in TOOLS[tool] if name not in REQUIRED[tool]]

    if tool in ("find_related_code", "remove_repository"):  # which is in a project of its own
        values[tool]["project_id"] = PROJECT
    plain = agent.call(tool, **values[tool])
    for filled in [dict.fromkeys(optional, nothing), *({name: nothing} for name in optional)]:
        reply = agent.call(tool, **{**filled, **values[tool]})
        assert reply.raw.is_error == plain.raw.is_error, reply.text
        if plain.raw.is_error:
            assert reply.code == plain.code == "JOB_NOT_FOUND"


@pytest.mark.parametrize("nothing", [None, "", " "], ids=repr)
@pytest.mark.parametrize(("tool", "name"), [(tool, name) for tool, names in REQUIRED.items() for name in names])
def test_a_required_argument_that_says_nothing_is_an_error_that_names_it(
    tool: str, name: str, nothing: Any, agent: Agent, values: dict[str, dict[str, Any]]
) -> None:
    reply = agent.call(tool, **{**values[tool], name: nothing})

    assert reply.code == "VALIDATION_ERROR"
    assert f"{name}: " in reply.error


@pytest.mark.parametrize(
    "sent",
    [
        {"kinds": "function"},
        {"kinds": "function,class"},
        {"kinds": '["function"]'},
        {"limit": "3"},
        {"limit": 3.0},
        {"tests": "IN"},
        {"language": ["python"]},
        {"path_glob": ["*.py"]},
        {"query": ["add_to_cart"]},
    ],
    ids=repr,
)
def test_a_value_in_another_type_is_taken_for_what_it_means(sent: dict[str, Any], agent: Agent, indexed: Path) -> None:
    found = agent.call("search_code", **{"query": "add_to_cart", "project_id": PROJECT, **sent}).data

    assert [hit["symbol"] for hit in found["hits"]][:1] == ["add_to_cart"]
    assert len(found["hits"]) <= 3 or "limit" not in sent


def test_a_path_filter_that_could_be_json_is_a_path_filter(agent: Agent, indexed: Path) -> None:
    assert agent.call("search_code", query="cart", project_id=PROJECT, path_glob="[1]").data["hits"] == []


def test_numbers_and_flags_as_text_are_taken(agent: Agent, repository: Path) -> None:
    assert agent.call("list_background_jobs", limit="1", offset="0", status="running, pending").data["jobs"] is not None
    started = agent.call("start_indexing_background", repo_path=str(repository), force_reindex="false")
    assert started.data["status"] == "pending"
    watched = agent.call("watch_indexing", job_id=started.data["job_id"], timeout_seconds="0")
    assert watched.data["timed_out"] is True
