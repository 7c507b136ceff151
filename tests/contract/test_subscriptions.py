"""Subscriptions to jobs, under both protocols, and to tasks."""

import time
from collections.abc import Callable
from typing import Any, Literal

import anyio
import pytest
from anyio.from_thread import BlockingPortal
from mcp import Client
from mcp.client.extension import NotificationBinding
from mcp.shared.exceptions import MCPError
from mcp.shared.subscriptions import ResourceUpdated
from mcp_types import INVALID_PARAMS, MISSING_REQUIRED_CLIENT_CAPABILITY, Request, ResourceUpdatedNotification
from pydantic import BaseModel, ConfigDict

from pgdex.jobs.database.connection import Connection
from tests.contract.agents import Agents, http_client
from tests.contract.task_client import AnyResult, TaskClient
from tests.contract.test_jobs import half_done, project
from tests.support.sql_worker import SqlWorker, tree
from tests.support.waiting import wait_for

# The SDK deprecates what only the older protocol has; it is what is tested here.
pytestmark = pytest.mark.filterwarnings("ignore:resources/.* is removed as of 2026-07-28")

MODERN = "2026-07-28"
LONGEST_SECONDS = 15.0


class AnyTask(BaseModel):
    """A task as a notification brings it."""

    model_config = ConfigDict(extra="allow")


class ListeningTaskClient(TaskClient):
    """Keeps what it is told of tasks."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[dict[str, Any]] = []

    def notifications(self) -> list[NotificationBinding[Any]]:
        async def note(task: AnyTask) -> None:
            self.told.append(task.model_dump())

        return [NotificationBinding(method="notifications/tasks", params_type=AnyTask, handler=note)]


class Listen(Request[dict[str, Any], Literal["subscriptions/listen"]]):
    """The request with whatever filter."""

    method: Literal["subscriptions/listen"] = "subscriptions/listen"


def finished(admin: Connection) -> None:
    SqlWorker(admin).work_all(tree(10))


async def updates(client: Client, uris: list[str], act: Callable[[], Any], *, until: int) -> tuple[Any, list[str]]:
    """What a stream acknowledges, and the first addresses that it tells of, `act` being done once it is open."""
    told: list[str] = []
    with anyio.fail_after(LONGEST_SECONDS):
        async with client.listen(resource_subscriptions=uris) as stream:
            async for event in stream:
                assert isinstance(event, ResourceUpdated)
                told.append(event.uri)
                if len(told) == 1:
                    await anyio.to_thread.run_sync(act)
                if len(told) == until:
                    break
            return stream.honored, told
    raise AssertionError("the stream ended")


@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_a_stream_tells_when_its_job_changes(transport: str, agents: Agents, admin: Connection) -> None:
    agent, mine = agents.agent(f"{transport}-{MODERN}"), project()
    uri = f"pgdex://jobs/{half_done(admin, mine)}?project_id={mine}"

    honored, told = agent.portal.call(lambda: updates(agent.client, [uri], lambda: finished(admin), until=2))

    assert honored.resource_subscriptions == [uri]
    assert told == [uri, uri]


def test_a_stream_goes_on_through_an_outage_of_the_servers_connections(agents: Agents, admin: Connection) -> None:
    agent, mine = agents.agent(f"http-{MODERN}"), project()
    uri = f"pgdex://jobs/{half_done(admin, mine)}?project_id={mine}"

    def cut_and_end() -> None:
        admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and application_name like 'pgdex mcp%'"
        )
        finished(admin)

    _, told = agent.portal.call(lambda: updates(agent.client, [uri], cut_and_end, until=2))

    assert told == [uri, uri]


def test_what_is_no_job_of_the_project_is_not_honoured(agents: Agents, admin: Connection) -> None:
    agent, mine = agents.agent(f"http-{MODERN}"), project()
    job_id = half_done(admin, mine)
    uri = f"pgdex://jobs/{job_id}?project_id={mine}"
    others = [f"pgdex://jobs/{job_id}", "pgdex://repositories", "file:///etc/passwd", "pgdex://jobs/none"]

    honored, told = agent.portal.call(lambda: updates(agent.client, [*others, uri], lambda: None, until=1))

    assert honored.resource_subscriptions == [uri]
    assert told == [uri]


def test_the_older_protocol_tells_until_it_is_told_not_to(
    portal: BlockingPortal, http_url: str, admin: Connection
) -> None:
    mine = project()
    uri = f"pgdex://jobs/{half_done(admin, mine)}?project_id={mine}"
    told: list[str] = []

    async def note(message: Any) -> None:
        if isinstance(message, ResourceUpdatedNotification):
            told.append(str(message.params.uri))

    options: Any = {"mode": "legacy", "message_handler": note}
    with portal.wrap_async_context_manager(http_client(http_url, **options)) as client:
        portal.call(lambda: client.session.subscribe_resource(uri))
        wait_for(lambda: told, what="the first word", seconds=LONGEST_SECONDS)
        worker = SqlWorker(admin)
        worker.complete(worker.take())
        wait_for(lambda: len(told) >= 2, what="the word of the change", seconds=LONGEST_SECONDS)
        portal.call(lambda: client.session.unsubscribe_resource(uri))
        time.sleep(1.5)
        count = len(told)
        finished(admin)
        time.sleep(2.5)

    assert told == [uri] * count


@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_the_older_protocol_refuses_what_never_changes(transport: str, agents: Agents) -> None:
    agent = agents.agent(f"{transport}-2025-11-25")

    with pytest.raises(MCPError) as refused:
        agent.portal.call(lambda: agent.client.session.subscribe_resource("pgdex://repositories"))

    assert refused.value.error.code == INVALID_PARAMS


def listening(client: Client, **wanted: Any) -> Any:
    """A stream with a filter of one's own, as a task that is cancelled after a while."""

    async def listen() -> None:
        request = Listen(params={"notifications": wanted})
        await client.session.send_request(request, AnyResult)

    return listen


def test_a_stream_brings_whole_tasks_to_clients_that_can_take_them(
    portal: BlockingPortal, http_url: str, admin: Connection
) -> None:
    job_id = half_done(admin, project())
    extension = ListeningTaskClient()

    async def listen(client: Client) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listening(client, taskIds=[job_id, "no id"]))
            with anyio.fail_after(LONGEST_SECONDS):
                while not extension.told:
                    await anyio.sleep(0.05)
                await anyio.to_thread.run_sync(lambda: finished(admin))
                while extension.told[-1]["status"] != "completed":
                    await anyio.sleep(0.05)
            tasks.cancel_scope.cancel()

    with portal.wrap_async_context_manager(http_client(http_url, extensions=[extension])) as client:
        portal.call(lambda: listen(client))

    assert extension.told[0]["status"] == "working"
    assert {one["taskId"] for one in extension.told} == {job_id}
    assert extension.told[-1]["result"]["structuredContent"]["status"] == "completed"


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"taskIds": ["x"]}, MISSING_REQUIRED_CLIENT_CAPABILITY),
        ({"resourceSubscriptions": [f"pgdex://jobs/{number}" for number in range(101)]}, INVALID_PARAMS),
    ],
)
def test_a_wish_that_can_not_be_granted_is_refused(wanted: dict[str, Any], code: int, agents: Agents) -> None:
    agent = agents.agent(f"http-{MODERN}")

    with pytest.raises(MCPError) as refused:
        agent.portal.call(listening(agent.client, **wanted))

    assert refused.value.error.code == code


def test_ids_that_are_no_list_are_refused(portal: BlockingPortal, http_url: str) -> None:
    with portal.wrap_async_context_manager(http_client(http_url, extensions=[TaskClient()])) as client:
        for wrong in ("x", [1], {"a": 1}):
            with pytest.raises(MCPError) as refused:
                portal.call(listening(client, taskIds=wrong))
            assert refused.value.error.code == INVALID_PARAMS
