"""Collecting what no view holds, as workers do it once a day, but all the time and however young it is."""

import threading
import time
from dataclasses import dataclass, field

import psycopg

from pgdex.jobs.database.connection import Connection, connect
from pgdex.jobs.errors import DatabaseUnavailable
from pgdex.jobs.settings import Settings

REPOSITORIES = "select id from pgdex.repositories where removed_at is null order by id"
SWEEP = "select pgdex.sweep_versions(%s)"
COLLECT = "select pgdex.remove_unused_versions(interval '0', 20)"
REMOVE = "select pgdex.remove_portion()"
PAUSE_SECONDS = 0.01


@dataclass(slots=True)
class Collector:
    """Collects in a thread of its own until a moment that may be put off; what it met is counted."""

    settings: Settings
    collected: int = 0
    deadlocks: int = 0
    _ends: float = 0.0
    _thread: threading.Thread | None = None
    _error: list[BaseException] = field(default_factory=list)

    def collect_for(self, seconds: float) -> None:
        """Begin, or go on, for so long."""
        self._ends = max(self._ends, time.monotonic() + seconds)
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Wait for its end. Raises what it met that is neither a deadlock nor a database that is away."""
        self._ends = 0.0
        if self._thread is not None:
            self._thread.join()
        if self._error:
            raise self._error[0]

    def _run(self) -> None:
        while time.monotonic() < self._ends and not self._error:
            try:
                with connect(self.settings) as connection:
                    while time.monotonic() < self._ends:
                        self.collected += collect(connection)
                        time.sleep(PAUSE_SECONDS)
            except psycopg.errors.DeadlockDetected:
                self.deadlocks += 1
            except (psycopg.OperationalError, DatabaseUnavailable):
                time.sleep(0.2)  # it is being restarted
            except BaseException as error:
                self._error.append(error)


def collect(connection: Connection) -> int:
    """Make the marks right, and remove a portion of what no view holds and of what was removed; returns how many rows
    of versions, and calls, that took: 0 where nothing is left."""
    for (repository_id,) in connection.execute(REPOSITORIES).fetchall():
        connection.execute(SWEEP, [repository_id])
    return sum(int(row[0]) for query in (COLLECT, REMOVE) for row in connection.execute(query).fetchall())
