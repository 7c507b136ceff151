"""Waiting for notifications of jobs (NOTIFY) over a connection of its own; without one, for time to pass."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

import anyio
from anyio.to_thread import run_sync

if TYPE_CHECKING:
    from pgdex.jobs.client.client import Client
    from pgdex.jobs.settings import Settings

MOST_LISTENERS = 20
"""At once in this process, each with a connection and a thread; whoever comes later looks once a second."""
SLICE_SECONDS = 0.5
"""A cancelled request waits for its thread: so long at most."""
POLL_SECONDS = 1.0
APPLICATION = "pgdex mcp watch"


class Notifications:
    """One listener."""

    _open = 0

    def __init__(self, settings: "Settings") -> None:
        self._settings = settings
        self._client: Client | None = None
        self._listens = False

    @asynccontextmanager
    async def open(self) -> "AsyncIterator[Notifications]":
        """Listen from the first `wait` on, until the block ends."""
        self._listens = Notifications._open < MOST_LISTENERS
        Notifications._open += self._listens
        try:
            yield self
        finally:
            Notifications._open -= self._listens
            with anyio.CancelScope(shield=True):
                await run_sync(self._close)

    async def wait(self, seconds: float) -> None:
        """Wait until some job has a notification, or for `seconds`. Never raises for an outage of the database."""
        if not self._listens:
            await anyio.sleep(min(seconds, POLL_SECONDS))
            return
        deadline = anyio.current_time() + seconds
        while (left := deadline - anyio.current_time()) > 0:
            if await run_sync(partial(self._slice, min(left, SLICE_SECONDS)), limiter=_threads()):
                return

    def _slice(self, seconds: float) -> bool:
        from psycopg import OperationalError

        from pgdex.jobs.client.client import Client
        from pgdex.jobs.database.connection import connect
        from pgdex.jobs.errors import DatabaseUnavailable

        try:
            if self._client is None:
                self._client = Client(self._settings, connect(self._settings, application=APPLICATION))
            return self._client.wait_for_notification(timeout_seconds=seconds)
        except (OperationalError, DatabaseUnavailable):
            self._close()
            return True  # whoever looks next finds out

    def _close(self) -> None:
        if self._client is not None:
            with suppress(Exception):
                self._client.close()
            self._client = None


_limiter: anyio.CapacityLimiter | None = None


def _threads() -> anyio.CapacityLimiter:
    global _limiter  # noqa: PLW0603 (made where an event loop runs)
    if _limiter is None:
        _limiter = anyio.CapacityLimiter(MOST_LISTENERS)
    return _limiter
