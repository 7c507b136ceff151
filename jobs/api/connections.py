"""The connections of one `pgdex.connect()`: lent to whichever thread calls, made when they are needed.

psycopg's own pool keeps threads to fill it, which a forked process lacks and waits for in vain. This one has none.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakSet

import psycopg

from pgdex.jobs.client.client import Client
from pgdex.jobs.errors import PgdexError, ServerBusy
from pgdex.jobs.settings import Settings

MOST_CONNECTIONS = 10
"""At once, for calls that are answered at once; whoever follows a job has a connection beside them."""
PATIENCE_SECONDS = 30.0
"""That a call waits while all connections are in use."""


class Connections:
    """Up to MOST_CONNECTIONS clients, for any number of threads; a process that was forked makes its own."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._is_closed = False
        self.begin()
        _open_ones.add(self)

    def begin(self) -> None:
        """Start without any connection, and leave those that there were to the process that made them: psycopg closes
        none of another process."""
        self._lock = threading.Lock()
        self._free = threading.BoundedSemaphore(MOST_CONNECTIONS)
        self._idle: list[Client] = []

    @contextmanager
    def client(self) -> Iterator[Client]:
        """A client whose connection was found alive and whose schema is current, for the time of the block.

        Raises DatabaseUnavailable, SchemaBehind, NotAllowed; ServerBusy where all are in use for 30 s; PgdexError after
        `close`.
        """
        self.require_open()
        if not self._free.acquire(timeout=PATIENCE_SECONDS):
            raise ServerBusy(
                f"all {MOST_CONNECTIONS} connections of this pgdex.connect() have been in use for {PATIENCE_SECONDS:g} "
                "s: call it from fewer threads at once, or connect once more"
            )
        try:
            client = self._taken() or Client.open(self.settings)
            try:
                yield client
            finally:
                self._give_back(client)
        finally:
            self._free.release()

    def require_open(self) -> None:
        """Raise PgdexError where it was closed."""
        if self._is_closed:
            raise PgdexError("this connection was closed: call pgdex.connect() again")

    def close(self) -> None:
        """Close all; those in use are closed when they come back. May be called twice."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for client in idle:
            client.close()

    def _taken(self) -> Client | None:
        """An idle client that still answers."""
        while True:
            with self._lock:
                client = self._idle.pop() if self._idle else None
            if client is None:
                return None
            try:
                return Client.over(client.connection, self.settings)  # asks for the schema: programs run for days
            except psycopg.OperationalError:
                client.close()
            except BaseException:
                client.close()
                raise

    def _give_back(self, client: Client) -> None:
        with self._lock:
            if not self._is_closed and not client.connection.closed:
                self._idle.append(client)
                return
        client.close()


def _begin_again() -> None:
    for one in list(_open_ones):
        one.begin()


_open_ones: WeakSet[Connections] = WeakSet()
if hasattr(os, "register_at_fork"):
    # Before any thread of the child can call: a lock that another thread of the parent held would stay locked.
    os.register_at_fork(after_in_child=_begin_again)
