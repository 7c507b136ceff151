"""What /healthz tells: looked up over a connection of its own, at most once a second, whoever asks how often."""

import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import anyio

if TYPE_CHECKING:
    from pgdex.jobs.database.connection import Connection
    from pgdex.jobs.settings import Settings

FRESH_SECONDS = 1.0
PATIENCE_SECONDS = 4.0
"""Where nothing is known yet; else the last answer stands while a look takes longer than SHORT_PATIENCE_SECONDS."""
SHORT_PATIENCE_SECONDS = 0.5
POLL_SECONDS = 0.01
STALE_SECONDS = 15.0
"""An answer that is older says nothing any more: the database has not answered since."""
APPLICATION = "pgdex mcp health"

Found = dict[str, Any]
AWAY: Found = {"status": "not ok", "database": "away", "active_jobs": None, "oldest_active_job_seconds": None}


class Health:
    """Looks at the database when someone asks, one look at a time; the tools' connections have no part in it."""

    def __init__(self, settings: "Settings") -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._look: Future[Found] | None = None
        self._began = float("-inf")
        self._last: tuple[float, Found] | None = None
        self._connection: Connection | None = None

    async def told(self) -> Found:
        """The database's state, how many jobs are live, and the age of the oldest. Never raises for a database that
        is away, and does not wait for it long."""
        look = self._begin()
        last = self._standing()
        with anyio.move_on_after(PATIENCE_SECONDS if last is None else SHORT_PATIENCE_SECONDS):
            while not look.done():
                await anyio.sleep(POLL_SECONDS)
            return look.result()
        return last or AWAY

    def close(self) -> None:
        """Let the connection go."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _begin(self) -> "Future[Found]":
        """The look that is under way, or was a moment ago; else a new one."""
        with self._lock:
            now = time.monotonic()
            if self._look is None or (self._look.done() and now - self._began >= FRESH_SECONDS):
                self._look, self._began = Future(), now
                threading.Thread(target=self._run, args=[self._look], name="pgdex-health", daemon=True).start()
            return self._look

    def _standing(self) -> Found | None:
        if self._last is None or time.monotonic() - self._last[0] > STALE_SECONDS:
            return None
        return self._last[1]

    def _run(self, look: "Future[Found]") -> None:
        import psycopg

        from pgdex.jobs.errors import PgdexError

        try:
            found = self._found()
        except (psycopg.Error, PgdexError, OSError):
            self.close()
            found = AWAY
        except BaseException as error:
            self.close()
            look.set_exception(error)
            return
        self._last = time.monotonic(), found
        look.set_result(found)

    def _found(self) -> Found:
        import psycopg
        from psycopg.errors import LockNotAvailable, QueryCanceled

        from pgdex.jobs.client.workers import live_jobs, oldest_live_job_seconds

        connection = self._opened()
        jobs: Found = {"active_jobs": None, "oldest_active_job_seconds": None}
        try:
            jobs["active_jobs"] = live_jobs(connection)
            jobs["oldest_active_job_seconds"] = oldest_live_job_seconds(connection)
        except (LockNotAvailable, QueryCanceled):
            pass  # it answers, so it is there; something holds a table, which is no matter of health
        except psycopg.Error:
            if connection.closed:
                raise
            return {"status": "not ok", "database": "not ready", **jobs}  # no schema yet, or no rights in it
        return {"status": "ok", "database": "ok", **jobs}

    def _opened(self) -> "Connection":
        """The connection, made again where it broke: whether it answers is seen at each look."""
        import psycopg

        from pgdex.jobs.database.connection import connect
        from pgdex.jobs.database.sessions import Limits

        if self._connection is not None:
            try:
                self._connection.execute("select 1")
            except psycopg.Error:
                self.close()
        if self._connection is None:
            self._connection = connect(
                self._settings, application=APPLICATION, limits=Limits(statement="2s", lock="500ms")
            )
        return self._connection
