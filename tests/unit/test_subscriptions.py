"""What a stream of subscriptions does when a job can't be shown as a task just now, or no more."""

from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import anyio
import pytest
from mcp.server.connection import Connection
from mcp.server.session import ServerSession
from mcp.server.subscriptions import InMemorySubscriptionBus
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    ClientCapabilities,
    Implementation,
    InitializeRequestParams,
    ResourceUpdatedNotification,
    SubscribeRequestParams,
)

from pgdex.jobs.mcp.job_feed import JobFeed, Watch
from pgdex.jobs.mcp.job_tasks import JobTasks
from pgdex.jobs.mcp.subscriptions import Retries, Subscriptions, TaskNotification
from tests.unit.test_job_feed import job, told


class TasksThatFail:
    """In place of a database that is away (the first times), or does not have the job."""

    def __init__(self, *codes: int) -> None:
        self.codes = [*codes]

    async def task(self, task_id: str, *, traced: object) -> dict[str, Any]:
        assert traced == set()
        if self.codes:
            raise MCPError(code=self.codes.pop(0), message="no task")
        return {"taskId": task_id}


class ServerThatFails:
    """A server in which every look at the database raises the next of these."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = [*errors]

    async def run(self, look: object) -> None:
        raise self.errors.pop(0)


class Heard:
    """A stream whose frames are kept."""

    def __init__(self) -> None:
        self.meta: dict[str, Any] = {}
        self.retries = Retries(first=0.001, longest=0.004)
        self.frames: list[type] = []

    async def send(self, frame: object) -> None:
        self.frames.append(type(frame))


def tell(watch: Watch, job_id: UUID, codes: list[int], *, times: int) -> list[type]:
    heard = Heard()
    nothing: Any = None
    tasks: Any = TasksThatFail(*codes)
    server: Any = Subscriptions(nothing, nothing, tasks, InMemorySubscriptionBus())

    async def run() -> None:
        for _ in range(times):
            await server._tell(heard, watch, {f"pgdex://jobs/{job_id}": job_id}, {job_id})

    anyio.run(run)
    return heard.frames


def test_a_job_that_was_removed_since_it_was_looked_at_is_told_of_once() -> None:
    one = job(uuid4())
    watch = Watch()
    watch.put(one.job_id, one)

    frames = tell(watch, one.job_id, [INVALID_PARAMS], times=1)

    assert frames == [ResourceUpdatedNotification]
    assert told(watch) == []


def test_an_outage_is_waited_for_and_nothing_is_told_twice() -> None:
    one = job(uuid4())
    watch = Watch()
    watch.put(one.job_id, one)

    frames = tell(watch, one.job_id, [INTERNAL_ERROR] * 3, times=4)

    assert frames == [ResourceUpdatedNotification, TaskNotification]
    assert told(watch) == []


def test_a_task_that_can_t_be_had_is_asked_for_ever_more_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr("pgdex.jobs.mcp.subscriptions.anyio.sleep", sleep)
    one = job(uuid4())
    watch = Watch()
    watch.put(one.job_id, one)

    frames = tell(watch, one.job_id, [INTERNAL_ERROR] * 4, times=5)

    for pause, longest in zip(pauses, [0.001, 0.002, 0.004, 0.004], strict=True):
        assert longest / 2 <= pause <= longest
    assert frames == [ResourceUpdatedNotification, TaskNotification]


def test_streams_that_meet_one_outage_do_not_all_ask_again_at_once() -> None:
    pauses = {Retries().pause() for _ in range(50)}
    assert len(pauses) > 40
    assert max(pauses) <= 1.0


def test_the_traceback_of_an_error_that_is_met_again_and_again_is_in_the_log_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    context: Any = ServerThatFails(ZeroDivisionError("first"), ZeroDivisionError("second"), KeyError("third"))
    tasks, retries = JobTasks(context), Retries()

    async def ask() -> None:
        with pytest.raises(MCPError):
            await tasks.task(str(uuid4()), traced=retries.traced)

    for _ in range(3):
        anyio.run(ask)
    assert [record.exc_info is not None for record in caplog.records] == [True, False, True]
    assert "(again: ZeroDivisionError)" in caplog.messages[1]

    caplog.clear()
    retries.reset()
    context.errors = [KeyError("after a success")]
    anyio.run(ask)
    assert [record.exc_info is not None for record in caplog.records] == [True]


def test_what_could_not_be_told_does_not_replace_what_is_newer() -> None:
    older, newer = job(uuid4()), job(uuid4())
    watch = Watch()
    watch.put("job", newer)

    watch.put_back("job", older)

    assert told(watch) == [newer]


def test_a_session_that_has_ended_is_watched_for_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sending to one that is gone raises nothing, and its job may run for days."""
    one = job(uuid4())
    uri = f"pgdex://jobs/{one.job_id}"
    nothing: Any = None
    feed = JobFeed(nothing)
    server = Subscriptions(nothing, feed, nothing, InMemorySubscriptionBus())
    own = Connection.for_loop(nothing)
    own.client_params = InitializeRequestParams(
        protocol_version="2025-11-25",
        capabilities=ClientCapabilities(),
        client_info=Implementation(name="gone", version="1"),
    )
    ctx: Any = SimpleNamespace(session=ServerSession(nothing, own))

    async def jobs_of(_: object) -> dict[str, UUID]:
        return {uri: one.job_id}

    monkeypatch.setattr(server, "_jobs_of", jobs_of)
    left: list[int] = []

    async def run() -> None:
        async with anyio.create_task_group() as tasks:
            feed._tasks = tasks
            await server.subscribe(ctx, SubscribeRequestParams(uri=uri))
            await anyio.wait_all_tasks_blocked()
            left.append(len(feed._watched()))
            await own.exit_stack.aclose()
            await anyio.wait_all_tasks_blocked()
            left.append(len(feed._watched()))
            left.append(len(server._connections))
            tasks.cancel_scope.cancel()

    anyio.run(run)

    assert left == [1, 0, 0]
