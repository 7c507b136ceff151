"""How many calls are done at once, and how long others wait for them: then they are told that the server is busy."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from pgdex.jobs.errors import ServerBusy

PATIENCE_SECONDS = 5.0
MOST_WAITING = 50


class Lane:
    """Room for calls of one kind. Slow ones of another kind have a lane of their own, and take nothing from this."""

    def __init__(self, kind: str, *, places: int) -> None:
        self._kind = kind
        self._places = places
        self._free = anyio.Semaphore(places)
        self._waiting = 0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """A place for one call. Raises ServerBusy after PATIENCE_SECONDS, and at once where too many wait already."""
        try:
            self._free.acquire_nowait()
        except anyio.WouldBlock:
            await self._wait()
        try:
            yield
        finally:
            self._free.release()

    async def _wait(self) -> None:
        if self._waiting >= MOST_WAITING:
            raise self._busy(f"and {self._waiting} more wait")
        self._waiting += 1
        try:
            with anyio.move_on_after(PATIENCE_SECONDS):
                await self._free.acquire()
                return
        finally:
            self._waiting -= 1
        raise self._busy(f"and none has ended within {PATIENCE_SECONDS:.0f} s")

    def _busy(self, why: str) -> ServerBusy:
        return ServerBusy(f"the server is busy: {self._places} {self._kind} are under way, {why}. Nothing was done")
