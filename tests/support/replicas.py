"""A replica: a server that answers searches and takes no writes, as the hot standby of a failover does."""

from collections.abc import Callable
from pathlib import Path

import psycopg

from pgdex.jobs.database.embedded.server import start_server, stop_server
from pgdex.jobs.database.schema import upgrade
from tests.support.databases import settings_for


def replica_in(home: Path, *, fill: Callable[[str], None]) -> str:
    """The URL of a replica in an empty home. It has pgdex's schema, and what `fill` wrote to its URL."""
    url = start_server(home)
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(
            "alter system set wal_level = replica"
        )  # the embedded server writes less, too little for a replica
        admin.execute("create database replicated")
    stop_server(home)
    url = start_server(home).replace("/postgres?", "/replicated?")
    upgrade(settings_for(url))
    fill(url)
    stop_server(home)
    (home / "data" / "standby.signal").touch()
    start_server(home)
    return url
