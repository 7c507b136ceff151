"""The server's connections: opened in the background, so that an agent's handshake waits for no database."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from psycopg_pool import ConnectionPool

    from pgdex.jobs.client.client import Client
    from pgdex.jobs.settings import Settings

    Pool = ConnectionPool[Any]

Result = TypeVar("Result")

MOST_CONNECTIONS = 10
"""At once: one for each call that server_context.py lets in, and one for the warm-up."""
PATIENCE_SECONDS = 3.0
"""A connection is there in milliseconds, or the database is away: then the caller is told so."""
APPLICATION = "pgdex mcp"


class Connections:
    """A pool of connections to a database that may not run yet, may go away, and may come back."""

    def __init__(self, settings: "Settings") -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._opening: Future[Pool] | None = None

    def open(self) -> "Future[Pool]":
        """Begin to open the pool, or return the attempt that is under way or has succeeded. Waits for nothing."""
        with self._lock:
            attempt = self._opening
            if attempt is None or (attempt.done() and attempt.exception() is not None):
                attempt = self._opening = Future()
                # Not a daemon: a process that ends now should not leave a half-made database behind.
                threading.Thread(target=self._open, args=[attempt], name="pgdex-open").start()
            return attempt

    def call(self, action: "Callable[[Client], Result]") -> Result:
        """`action` with a client whose connection was found alive. Waits for the database's first start.

        Raises DatabaseUnavailable, SchemaBehind, NotAllowed, and what `action` raises.
        """
        with self.client() as client:
            return action(client)

    @contextmanager
    def client(self) -> "Iterator[Client]":
        """A client for a short while."""
        pool = self.open().result()
        from pgdex.jobs.client.client import Client
        from pgdex.jobs.database.connection import database_url
        from pgdex.jobs.database.schema import ensure_current

        database_url(self.settings)  # starts an embedded server that was stopped
        with self._connection(pool) as connection:
            ensure_current(connection, self.settings)  # a server runs for days: another version may have been put in
            yield Client(self.settings, connection)

    def close(self) -> None:
        """Give everything back; calls that are under way lose their connection."""
        with self._lock:
            attempt = self._opening
        if attempt is not None and attempt.done() and attempt.exception() is None:
            attempt.result().close(timeout=1)

    @contextmanager
    def _connection(self, pool: "Pool") -> "Iterator[Any]":
        from psycopg_pool import PoolTimeout

        from pgdex.jobs.database.connection import connect
        from pgdex.jobs.errors import ServerBusy

        try:
            connection = _living_connection(pool)
        except PoolTimeout:
            connect(self.settings, application=APPLICATION).close()  # says why not, where it is the database
            raise ServerBusy(f"all {MOST_CONNECTIONS} connections of this server are busy") from None
        try:
            yield connection
        finally:
            pool.putconn(connection)

    def _open(self, attempt: "Future[Pool]") -> None:
        try:
            from pgdex.jobs.client.client import Client
            from pgdex.jobs.database.connection import pool
            from pgdex.jobs.database.sessions import Limits

            Client.open(self.settings).close()  # starts the embedded server; makes or checks the schema
            opened = pool(
                lambda: self.settings,
                application=APPLICATION,
                # An agent has less patience than a person: after ten seconds for a lock it may have given up.
                limits=Limits(statement="30s", lock="5s"),
                min_size=1,
                max_size=MOST_CONNECTIONS,
                timeout=PATIENCE_SECONDS,
                reconnect_timeout=PATIENCE_SECONDS,
                name="pgdex-mcp",
            )
            opened.open()
        except BaseException as error:
            attempt.set_exception(error)
        else:
            attempt.set_result(opened)


def _living_connection(pool: "Pool") -> "Any":
    """A connection that answers; those that don't are given to the pool, which makes new ones.

    The pool's own `check` sleeps a second or more between two broken ones, and after an outage all are broken.
    """
    from psycopg import OperationalError

    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        connection = pool.getconn(timeout=max(0.001, deadline - time.monotonic()))
        try:
            pool.check_connection(connection)
        except OperationalError:
            pool.putconn(connection)
        except BaseException:
            pool.putconn(connection)
            raise
        else:
            return connection
