"""Looking at a database that may be away for a while."""

import time
from contextlib import suppress
from typing import Any

import psycopg

PATIENCE_SECONDS = 60.0


class Observer:
    """One connection that looks on, opened again where the server was away."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.connection = psycopg.connect(url, autocommit=True, application_name="benchmark")

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """All rows; tries again for a minute where there is no connection."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return self.connection.execute(query.encode(), values).fetchall()
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
                with suppress(psycopg.OperationalError):
                    fresh = psycopg.connect(self._url, autocommit=True, application_name="benchmark")
                    self.connection.close()
                    self.connection = fresh

    def close(self) -> None:
        """Close it."""
        self.connection.close()
