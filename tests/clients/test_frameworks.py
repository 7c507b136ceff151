"""Agent frameworks use a real index, over both transports: tools, errors, and resources and prompts where they have
these."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pgdex.jobs.client.client import Client
from pgdex.jobs.mcp.resources.uris import file_uri
from tests.clients.environments import run_client
from tests.contract.agents import PGDEX_MCP, environment, http_server
from tests.support.databases import new_database, settings_for, url_of
from tests.support.trees import python_tree, write_tree
from tests.support.waiting import wait_for_end
from tests.support.workers import workers_on

pytestmark = [pytest.mark.clients, pytest.mark.timeout(600)]

NEWEST = "2026-07-28"
CART = 'def add_to_cart(item: str) -> None:\n    """Put an item into the shopping cart."""\n    basket.append(item)\n'
TOKEN = "a token that every framework can send: ASCII"
FRAMEWORKS = ["fastmcp", "langchain_mcp_adapters", "pydantic_ai", "openai_agents"]


@pytest.fixture(scope="module")
def database(server_url: str, template: str) -> Iterator[str]:
    with new_database(server_url, template=template, label="clients") as name:
        yield url_of(server_url, name)


@pytest.fixture(scope="module")
def shop(database: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that is indexed."""
    root = write_tree(tmp_path_factory.mktemp("indexed").resolve() / "shop", {"shop/cart.py": CART})
    folder = tmp_path_factory.mktemp("workers")
    with Client.open(settings_for(database)) as client, workers_on(database, folder) as workers:
        assert wait_for_end(client, client.start(root).job_id, workers=workers).status == "completed"
    return root


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home").resolve()


@pytest.fixture(scope="module")
def url(database: str, home: Path) -> Iterator[str]:
    with http_server(home, PGDEX_DATABASE_URL=database, PGDEX_HOME=str(home), PGDEX_MCP_TOKEN=TOKEN) as url:
        yield url


@pytest.mark.parametrize("transport", ["stdio", "http"])
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_framework_searches_a_real_index_and_is_told_its_errors(
    name: str, transport: str, shop: Path, database: str, home: Path, url: str
) -> None:
    reached: dict[str, Any] = {"url": f"{url}/mcp", "token": TOKEN}
    if transport == "stdio":
        variables = environment(PGDEX_DATABASE_URL=database, PGDEX_HOME=str(home))
        reached = {"command": sys.executable, "args": [*PGDEX_MCP], "env": variables}
    search = {"query": "put an item into the cart", "repo_path": str(shop)}

    answer = run_client(name, {**reached, "search": search, "file": file_uri(str(shop), "shop/cart.py")})

    assert {"search_code", "start_indexing_background", "watch_indexing"} <= {*answer["tools"]}
    assert "shop/cart.py" in str(answer["search"])
    assert "VALIDATION_ERROR" in answer["error"]
    assert answer.get("protocol", NEWEST) == NEWEST  # langchain-mcp-adapters has the SDK that speaks the older one
    if "file" in answer:
        assert answer["file"].endswith(f"\n\n{CART}")
    if "prompt" in answer:
        assert '"a cart is filled"' in answer["prompt"]


def test_a_client_of_the_tasks_extension_follows_a_job_to_its_end(
    database: str, url: str, tmp_path: Path, shop: Path
) -> None:
    del shop  # it brings the database's first workers up and down before these
    root = python_tree(tmp_path.resolve() / "tasks", 3)
    folder = tmp_path / "workers"
    folder.mkdir()
    with workers_on(database, folder):
        answer = run_client("fastmcp_tasks", {"url": f"{url}/mcp", "token": TOKEN, "repo_path": str(root)})

    assert answer["first"] in ("working", "completed")
    assert answer["result"]["job_id"] == answer["task_id"]
    assert (answer["result"]["status"], answer["result"]["files_indexed"]) == ("completed", 3)
    assert (answer["again"]["status"], answer["again"]["files_unchanged"]) == ("completed", 3)
