"""watch_indexing: it waits, reports, ends with the job, and stops when nobody waits for it any more."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import anyio
import pytest

from pgdex.jobs.database.connection import Connection
from tests.contract.agents import TRANSPORTS, Agent, Agents
from tests.contract.test_jobs import half_done, project
from tests.support.sql_worker import SqlWorker, tree
from tests.support.waiting import wait_for

LISTENERS = "select count(*) from pg_stat_activity where application_name = 'pgdex mcp watch'"


def listeners(connection: Connection) -> int:
    """How many watches are open, by their connections."""
    row = connection.execute(LISTENERS).fetchone()
    assert row is not None
    return int(row[0])


@contextmanager
def meanwhile(act: Callable[[], None]) -> Iterator[None]:
    """`act` in a thread, beside the block."""
    thread = threading.Thread(target=act)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def test_a_watch_returns_when_the_job_has_ended_with_rising_progress(agent: Agent, admin: Connection) -> None:
    mine = project()
    job_id = half_done(admin, mine)

    def work() -> None:
        wait_for(lambda: listeners(admin), what="the watch")
        time.sleep(0.6)
        worker = SqlWorker(admin)
        worker.complete(worker.take())
        time.sleep(0.6)
        worker.work_all(tree(10))

    began = time.monotonic()
    with meanwhile(work):
        reply = agent.call("watch_indexing", job_id=job_id, project_id=mine, timeout_seconds=30)

    assert (reply.data["status"], reply.data["timed_out"]) == ("completed", False)
    assert time.monotonic() - began < 10
    values = [value for value, _, _ in reply.progress]
    assert len(values) >= 2
    assert all(later > earlier for earlier, later in pairwise(values))
    assert all(total == 100 for _, total, _ in reply.progress)
    assert any(message is not None and "4/10 files" in message for _, _, message in reply.progress)
    assert len(values) <= 2 + 2 * (time.monotonic() - began)


def test_a_watch_ends_at_its_timeout_and_the_job_goes_on(agent: Agent, admin: Connection) -> None:
    mine = project()
    job_id = half_done(admin, mine)
    began = time.monotonic()

    answer = agent.call("watch_indexing", job_id=job_id, project_id=mine, timeout_seconds=1).data

    assert 0.9 < time.monotonic() - began < 4
    assert (answer["status"], answer["timed_out"]) == ("running", True)


def test_a_watch_of_a_job_that_has_ended_returns_at_once(agent: Agent, admin: Connection) -> None:
    mine = project()
    job = {"job_id": half_done(admin, mine), "project_id": mine}
    agent.call("cancel_indexing_background", **job, confirmed=True)

    answer = agent.call("watch_indexing", **job, timeout_seconds=30).data

    assert (answer["status"], answer["timed_out"]) == ("cancelled", False)


def test_other_calls_are_answered_while_a_watch_is_open(agent: Agent, admin: Connection) -> None:
    mine = project()
    job = {"job_id": half_done(admin, mine), "project_id": mine}
    answers: list[str] = []

    def ask() -> None:
        wait_for(lambda: listeners(admin), what="the watch")
        answers.extend(agent.call("get_indexing_status", **job).data["status"] for _ in range(3))
        agent.call("cancel_indexing_background", **job, confirmed=True)

    with meanwhile(ask):
        watched = agent.call("watch_indexing", **job, timeout_seconds=30).data

    assert answers == ["running"] * 3
    assert watched["status"] == "cancelled"


@pytest.mark.parametrize("name", TRANSPORTS)
def test_a_watch_whose_request_is_cancelled_stops_and_the_job_goes_on(
    name: str, agents: Agents, admin: Connection
) -> None:
    agent, mine = agents.agent(name), project()
    job = {"job_id": half_done(admin, mine), "project_id": mine}
    wait_for(lambda: listeners(admin) == 0, what="other watches to end", seconds=10)

    scopes: list[anyio.CancelScope] = []

    async def watch() -> None:
        with anyio.CancelScope() as scope:
            scopes.append(scope)
            await agent.client.call_tool("watch_indexing", {**job, "timeout_seconds": 600})

    with meanwhile(lambda: agent.portal.call(watch)):
        try:
            wait_for(lambda: listeners(admin) == 1, what="the watch")
        finally:
            agent.portal.call(scopes[0].cancel)

    wait_for(lambda: listeners(admin) == 0, what="the watch to end", seconds=3)
    assert agent.call("get_indexing_status", **job).data["status"] == "running"


def test_a_watch_goes_on_through_an_outage_of_its_connections(agent: Agent, admin: Connection) -> None:
    mine = project()
    job = {"job_id": half_done(admin, mine), "project_id": mine}

    def cut_and_end() -> None:
        wait_for(lambda: listeners(admin), what="the watch")
        admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and application_name like 'pgdex mcp%'"
        )
        wait_for(lambda: listeners(admin), what="the watch to be back", seconds=10)
        admin.execute("select pgdex.cancel_job(%s)", [job["job_id"]])

    with meanwhile(cut_and_end):
        reply = agent.call("watch_indexing", **job, timeout_seconds=30)

    assert reply.data["status"] == "cancelled"
