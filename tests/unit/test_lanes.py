"""How many calls are done at once."""

import anyio
import pytest

from pgdex.jobs.errors import ServerBusy
from pgdex.jobs.mcp import lanes
from pgdex.jobs.mcp.lanes import MOST_WAITING, Lane


@pytest.mark.anyio
async def test_whoever_finds_no_place_is_told_so_and_nobody_else_loses_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "PATIENCE_SECONDS", 0.05)
    lane = Lane("searches", places=2)
    over = anyio.Event()

    async def hold() -> None:
        async with lane.place():
            await over.wait()

    async with anyio.create_task_group() as tasks:
        for _ in range(2):
            tasks.start_soon(hold)
        await anyio.wait_all_tasks_blocked()
        for _ in range(3):
            with pytest.raises(ServerBusy, match="2 searches are under way"):
                async with lane.place():
                    raise AssertionError("there was no place")
        over.set()
    async with lane.place(), lane.place():
        pass


@pytest.mark.anyio
async def test_a_queue_that_is_too_long_refuses_at_once() -> None:
    lane = Lane("searches", places=1)
    refused = 0

    async def call() -> None:
        nonlocal refused
        try:
            async with lane.place():
                await anyio.sleep_forever()
        except ServerBusy:
            refused += 1

    async with anyio.create_task_group() as tasks:
        for _ in range(1 + MOST_WAITING + 10):
            tasks.start_soon(call)
        await anyio.wait_all_tasks_blocked()
        assert refused == 10
        tasks.cancel_scope.cancel()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
