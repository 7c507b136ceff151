"""docs/how-to/http.md and the OpenAPI description are true of a real server, which is asked with plain HTTP."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx2
import jsonschema  # comes with mcp; it has no types of its own
import pytest

from docs_reference.openapi import EXAMPLES, PROTOCOL, openapi, request_of
from pgdex.jobs.client.client import Client
from tests.contract.agents import TOKEN, bearer, http_server
from tests.support.databases import new_database, settings_for, url_of
from tests.support.documented import blocks
from tests.support.trees import python_tree, write_tree
from tests.support.waiting import wait_for_end
from tests.support.workers import workers_on

DESCRIPTION = openapi()
NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest.fixture(scope="module")
def api(server_url: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A server over an index of one folder, with a worker; yields its address and the folder."""
    folder = tmp_path_factory.mktemp("api")
    shop = write_tree(folder / "shop", {"cart.py": "def add_to_cart(item):\n    basket.append(item)\n"})
    with new_database(server_url, template=template, label="openapi") as name:
        url = url_of(server_url, name)
        with (
            workers_on(url, tmp_path_factory.mktemp("workers")) as workers,
            Client.open(settings_for(url)) as client,
            http_server(folder, PGDEX_DATABASE_URL=url, PGDEX_HOME=str(folder / "home")) as address,
        ):
            wait_for_end(client, client.start(shop).job_id, workers=workers)
            yield address, shop, client, workers


def validated(schema: str, document: Any) -> None:
    """Raises ValidationError where the document is not what the description says."""
    whole = {"$ref": f"#/components/schemas/{schema}", "components": DESCRIPTION["components"]}
    jsonschema.Draft202012Validator(whole, format_checker=jsonschema.FormatChecker()).validate(document)


def post(address: str, body: Any, **headers: Any) -> httpx2.Response:
    name = body["params"]["name"]
    given = {
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": PROTOCOL,
        "Mcp-Method": "tools/call",
        "Mcp-Name": name,
    }
    return httpx2.post(f"{address}/mcp", json=body, headers=given | bearer() | headers, timeout=60)


def called(address: str, tool: str, **arguments: object) -> Any:
    """A call whose request and reply are what the description says."""
    body = request_of(tool, arguments)
    validated(f"{tool}.Request", body)
    response = post(address, body)
    assert response.status_code == 200, response.text
    kind = response.headers["Content-Type"].partition(";")[0]
    assert kind in DESCRIPTION["paths"]["/mcp"]["post"]["responses"]["200"]["content"]
    text = response.text
    if kind == "text/event-stream":
        text = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")][-1]
    reply = json.loads(text)
    validated("ToolError" if reply["result"]["isError"] else f"{tool}.Reply", reply)
    return reply["result"]


def test_every_tool_answers_what_the_description_says(api: Any, tmp_path: Path) -> None:
    address, shop, client, workers = api
    python_tree(tmp_path / "other", count=2)
    asked = set()

    def ask(tool: str, **arguments: object) -> Any:
        asked.add(tool)
        result = called(address, tool, **arguments)
        assert not result["isError"], result
        return result["structuredContent"]

    started = ask("start_indexing_background", repo_path=str(tmp_path / "other"))
    job = {"job_id": started["job_id"]}
    ask("watch_indexing", **job, timeout_seconds=30)
    wait_for_end(client, started["job_id"], workers=workers)
    assert ask("get_indexing_status", **job)["status"] == "completed"
    assert ask("list_background_jobs", status=["completed"], limit=5)["total_count"] == 2
    assert ask("list_repositories")["total_count"] == 2
    assert ask("search_code", query="where is the shopping cart", limit=3)["hits"][0]["path"] == "cart.py"
    ask("find_related_code", path=str(shop / "cart.py"), line=1)
    workers.stop()
    again = ask("start_indexing_background", repo_path=str(tmp_path / "other"), force_reindex=True)
    ask("cancel_indexing_background", job_id=again["job_id"], confirmed=True)
    retried = ask("retry_indexing", job_id=again["job_id"])
    ask("cancel_indexing_background", job_id=retried["job_id"], confirmed=True)
    ask("remove_repository", repo_path=str(tmp_path / "other"), confirmed=True)

    assert asked == set(EXAMPLES), "each tool"


def test_what_a_tool_refuses_is_what_the_description_says(api: Any) -> None:
    refused = called(api[0], "get_indexing_status", job_id=NOBODY)
    assert refused["isError"]
    assert refused["content"][0]["text"].startswith("JOB_NOT_FOUND: ")

    unknown = request_of("search_code", {"query": "x", "limt": 3})
    with pytest.raises(jsonschema.ValidationError, match="limt"):
        validated("search_code.Request", unknown)
    assert post(api[0], unknown).json()["result"]["isError"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Mcp-Name": "list_repositories"}, 400),
        ({"Authorization": b"Bearer wrong"}, 401),
        ({"Origin": "https://elsewhere.example"}, 403),
        ({"Accept": "application/json"}, 406),
        ({"Host": "elsewhere.example"}, 421),
    ],
)
def test_what_the_server_refuses_has_the_status_of_the_description(
    api: Any, headers: dict[str, Any], status: int
) -> None:
    response = post(api[0], request_of("search_code", {"query": "x"}), **headers)

    assert response.status_code == status
    described = DESCRIPTION["paths"]["/mcp"]["post"]["responses"][str(status)]
    if "content" in described:
        schema = described["content"]["application/json"]["schema"]
        whole = schema | {"components": DESCRIPTION["components"]}
        jsonschema.validate(response.json(), whole)


def test_too_large_a_body_is_refused_as_described(api: Any) -> None:
    assert post(api[0], request_of("search_code", {"query": "x" * (1 << 20)})).status_code == 413


@pytest.mark.parametrize("tool", EXAMPLES)
def test_the_examples_are_requests(tool: str) -> None:
    validated(f"{tool}.Request", request_of(tool, EXAMPLES[tool]))


def test_health_is_told_as_described(api: Any) -> None:
    schema = DESCRIPTION["paths"]["/healthz"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    for headers in ({}, bearer()):
        response = httpx2.get(f"{api[0]}/healthz", headers=headers)
        assert response.status_code == 200
        jsonschema.validate(response.json(), schema)


def test_every_curl_of_the_page_answers(api: Any) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    commands = blocks("how-to/http.md", "bash")
    assert len(commands) == 2
    for block in commands:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block.text.replace("http://127.0.0.1:8765", api[0])],
            env={**os.environ, "PGDEX_MCP_TOKEN": TOKEN},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        decoder, rest, replies = json.JSONDecoder(), done.stdout.strip(), []
        while rest:
            reply, end = decoder.raw_decode(rest)
            replies.append(reply)
            rest = rest[end:].strip()
        assert replies
        assert all(reply["result"]["isError"] is False for reply in replies), f"{block}: {done.stdout}"
