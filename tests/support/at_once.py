"""Calls that all start at the same moment, each on a connection of its own."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pgdex.jobs.database.connection import Connection, connect
from tests.support.databases import settings_for

Call = Callable[[Connection], Any]


def at_once(database_url: str, *calls: Call) -> list[Any]:
    """Run each call on a connection of its own, all started at the same moment; their results in order."""
    barrier = threading.Barrier(len(calls))

    def run(call: Call) -> Any:
        with connect(settings_for(database_url)) as connection:
            barrier.wait()
            return call(connection)

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))
