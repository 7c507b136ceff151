"""The Tasks extension: jobs as tasks, whose state any server of the same database tells."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import jsonschema
import psutil
import pytest
from anyio.from_thread import BlockingPortal
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp_types import (
    HEADER_MISMATCH,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    TextContent,
)

from pgdex.jobs.database.connection import Connection
from tests.contract.agents import TOKEN, Agents, bearer, http_client, http_server, stdio_server
from tests.contract.task_client import TASKS, CreateTaskResult, TaskClient, task_request
from tests.contract.test_jobs import half_done, project
from tests.support.sql_worker import SqlWorker, tree

MODERN = "2026-07-28"
NO_TASK = "123e4567-e89b-12d3-a456-426614174000"


@contextmanager
def task_client(portal: BlockingPortal, url: str) -> Iterator[tuple[Client, TaskClient]]:
    """A client of the server at `url` that can take tasks."""
    extension = TaskClient()
    with portal.wrap_async_context_manager(http_client(url, extensions=[extension])) as client:
        yield client, extension


def created_by(portal: BlockingPortal, client: Client, tool: str, **arguments: Any) -> CreateTaskResult:
    """The task that a call becomes."""
    made = portal.call(lambda: client.session.call_tool(tool, arguments, allow_claimed=True))
    assert isinstance(made, CreateTaskResult), made
    return made


def asked(portal: BlockingPortal, client: Client, method: str, task_id: str, **params: Any) -> dict[str, Any]:
    return portal.call(lambda: task_request(client.session, method, taskId=task_id, **params))


def end(admin: Connection, files: int = 10) -> None:
    """What is left of the only job."""
    SqlWorker(admin).work_all(tree(files))


def test_a_start_is_a_task_with_the_id_of_its_job(
    portal: BlockingPortal, http_url: str, repository: Path, admin: Connection
) -> None:
    mine = project()
    with task_client(portal, http_url) as (client, _):
        task = created_by(
            portal, client, "start_indexing_background", repo_path=str(repository), project_id=mine
        ).model_dump(by_alias=True)
        row = admin.execute("select job_id::text from pgdex.job_status where project_id = %s", [mine]).fetchone()
        assert row == (task["taskId"],)
        assert (task["resultType"], task["status"]) == ("task", "working")
        assert task["ttlMs"] > 0
        assert 1_000 <= task["pollIntervalMs"] <= 30_000
        assert not {"result", "error", "inputRequests"} & task.keys()

        got = asked(portal, client, "get", task["taskId"])

    assert (got["resultType"], got["status"], got["createdAt"]) == ("complete", "working", task["createdAt"])
    assert "result" not in got


def test_a_task_is_told_by_another_server_after_the_first_was_killed(
    portal: BlockingPortal, client_url: str, tmp_path: Path, http_url: str, repository: Path, admin: Connection
) -> None:
    mine = project()
    home = {"PGDEX_DATABASE_URL": client_url, "PGDEX_HOME": str(tmp_path)}
    with http_server(tmp_path, **home) as first:
        port = first.rpartition(":")[2]
        with task_client(portal, first) as (client, _):
            task_id = created_by(
                portal, client, "start_indexing_background", repo_path=str(repository), project_id=mine
            ).task_id
        [process] = [one for one in psutil.Process().children() if f"127.0.0.1:{port}" in one.cmdline()]
        process.kill()
        process.wait(10)

    with task_client(portal, http_url) as (client, _):
        assert asked(portal, client, "get", task_id)["status"] == "working"
        admin.execute("select pgdex.cancel_job(%s)", [task_id])
        assert asked(portal, client, "get", task_id)["status"] == "cancelled"


def test_a_task_on_stdio_is_told_over_http(
    portal: BlockingPortal, folder: Path, client_url: str, http_url: str, repository: Path
) -> None:
    server = stdio_server(folder, PGDEX_DATABASE_URL=client_url, PGDEX_HOME=str(folder / "home"))
    with portal.wrap_async_context_manager(Client(server, extensions=[TaskClient()])) as on_stdio:
        task_id = created_by(
            portal, on_stdio, "start_indexing_background", repo_path=str(repository), project_id=project()
        ).task_id

    with task_client(portal, http_url) as (client, _):
        assert asked(portal, client, "get", task_id)["status"] == "working"


def test_the_result_of_a_task_satisfies_the_output_schema_of_either_tool(
    portal: BlockingPortal, http_url: str, admin: Connection
) -> None:
    mine = project()
    job_id = half_done(admin, mine)
    with task_client(portal, http_url) as (client, extension):

        def work() -> None:
            time.sleep(0.5)
            SqlWorker(admin).work_all(tree(10))

        thread = threading.Thread(target=work)
        thread.start()
        # The SDK's client checks the final result against the output schema of the tool that was called.
        final = portal.call(lambda: client.call_tool("watch_indexing", {"job_id": job_id, "project_id": mine}))
        thread.join()
        tools = portal.call(client.list_tools).tools

    assert [one.task_id for one in extension.created] == [job_id]
    assert not final.is_error
    assert isinstance(final.structured_content, dict)
    assert (final.structured_content["status"], final.structured_content["timed_out"]) == ("completed", False)
    for tool in tools:
        if tool.name in ("start_indexing_background", "watch_indexing"):
            jsonschema.validate(final.structured_content, tool.output_schema)
    [said] = final.content
    assert isinstance(said, TextContent)
    assert job_id in said.text


def test_a_job_that_has_ended_is_no_task_but_its_result(
    portal: BlockingPortal, http_url: str, admin: Connection
) -> None:
    mine = project()
    job_id = half_done(admin, mine)
    end(admin)
    with task_client(portal, http_url) as (client, extension):
        final = portal.call(lambda: client.call_tool("watch_indexing", {"job_id": job_id, "project_id": mine}))

    assert extension.created == []
    assert isinstance(final.structured_content, dict)
    assert final.structured_content["status"] == "completed"


def test_a_failed_job_is_a_completed_task_whose_result_is_an_error(
    portal: BlockingPortal, http_url: str, admin: Connection
) -> None:
    job_id = half_done(admin, project())
    admin.execute("select pgdex.fail_job(%s, %s, %s)", [job_id, "the disk\x1b[31m is gone", "ValueError"])
    with task_client(portal, http_url) as (client, _):
        task = asked(portal, client, "get", job_id)

    assert task["status"] == "completed"
    assert task["result"]["isError"] is True
    [said] = task["result"]["content"]
    assert said["text"].startswith("JOB_FAILED: ")
    assert "the disk" in said["text"]
    assert "\x1b" not in json.dumps(task, ensure_ascii=False)


def test_cancelling_a_task_cancels_its_job_and_may_be_repeated(
    portal: BlockingPortal, http_url: str, admin: Connection
) -> None:
    job_id = half_done(admin, project())
    with task_client(portal, http_url) as (client, _):
        for _ in range(2):
            assert asked(portal, client, "cancel", job_id).keys() <= {"resultType", "_meta"}
        assert asked(portal, client, "get", job_id)["status"] == "cancelled"

    row = admin.execute("select status from pgdex.job_status where job_id = %s", [job_id]).fetchone()
    assert row == ("cancelled",)


def test_an_update_is_acknowledged_and_changes_nothing(
    portal: BlockingPortal, http_url: str, admin: Connection
) -> None:
    job_id = half_done(admin, project())
    with task_client(portal, http_url) as (client, _):
        assert asked(portal, client, "update", job_id, inputResponses={"x": {"action": "accept"}})
        assert asked(portal, client, "get", job_id)["status"] == "working"


@pytest.mark.parametrize("method", ["get", "update", "cancel"])
@pytest.mark.parametrize("task_id", [NO_TASK, "no id at all", "", "'; drop table pgdex.views; --", "x" * 5000])
def test_a_task_that_there_is_not_is_an_invalid_parameter(
    method: str, task_id: str, portal: BlockingPortal, http_url: str
) -> None:
    more: dict[str, Any] = {"inputResponses": {}} if method == "update" else {}
    with task_client(portal, http_url) as (client, _), pytest.raises(MCPError) as refused:
        asked(portal, client, method, task_id, **more)

    assert refused.value.error.code == INVALID_PARAMS


@pytest.mark.parametrize("method", ["get", "update", "cancel"])
def test_a_client_that_did_not_declare_the_extension_is_told_so(method: str, agents: Agents) -> None:
    agent = agents.agent(f"http-{MODERN}")
    more: dict[str, Any] = {"inputResponses": {}} if method == "update" else {}

    with pytest.raises(MCPError) as refused:
        asked(agent.portal, agent.client, method, NO_TASK, **more)

    assert refused.value.error.code == MISSING_REQUIRED_CLIENT_CAPABILITY
    assert refused.value.error.data == {"requiredCapabilities": {"extensions": {TASKS: {}}}}


def test_under_the_older_protocol_there_are_no_tasks(agents: Agents, repository: Path) -> None:
    agent = agents.agent("http-2025-11-25")

    answer = agent.call("start_indexing_background", repo_path=str(repository), project_id=project())

    assert answer.data["status"] == "pending"
    with pytest.raises(MCPError) as refused:
        asked(agent.portal, agent.client, "get", answer.data["job_id"])
    assert refused.value.error.code == METHOD_NOT_FOUND


def test_a_tool_error_stays_one(portal: BlockingPortal, http_url: str) -> None:
    with task_client(portal, http_url) as (client, extension):
        result = portal.call(lambda: client.call_tool("start_indexing_background", {"repo_path": "/no/such/folder"}))

    assert result.is_error
    assert extension.created == []


def test_a_routing_header_that_names_another_task_is_refused(http_url: str, admin: Connection) -> None:
    job_id = half_done(admin, project())
    declared: dict[str, Any] = {"extensions": {TASKS: {}}}
    meta = {
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientCapabilities": declared,
    }
    body = {"jsonrpc": "2.0", "id": 1, "method": "tasks/get", "params": {"taskId": job_id, "_meta": meta}}

    def answer(named: str) -> httpx2.Response:
        headers = {
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": MODERN,
            "Mcp-Method": "tasks/get",
            "Mcp-Name": named,
            **bearer(TOKEN),
        }
        return httpx2.post(f"{http_url}/mcp", json=body, headers=headers)

    assert answer(job_id).json()["result"]["status"] == "working"
    refused = answer(NO_TASK)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, HEADER_MISMATCH)
