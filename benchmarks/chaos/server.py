"""A PostgreSQL server of a benchmark's own, to restart and to fill up as a scenario needs it."""

import atexit
import shutil
import tempfile
import time
from pathlib import Path
from typing import Literal, Self

import psycopg

from pgdex.jobs.database.embedded.server import start_server, stop_server

Mode = Literal["fast", "immediate"]


class Server:
    """The embedded server in a folder of its own; stopped and removed at the end of the `with` block."""

    def __init__(self, *, max_connections: int | None = None) -> None:
        # Directly below /tmp: as root the server runs as another OS user, who has to get there.
        self.home = Path(tempfile.mkdtemp(prefix="pgdex-bench-", dir="/tmp"))
        self.home.chmod(0o755)
        atexit.register(shutil.rmtree, self.home, ignore_errors=True)
        self.url = start_server(self.home, linger_seconds=0)
        if max_connections is not None:
            with psycopg.connect(self.url, autocommit=True) as connection:
                connection.execute(f"alter system set max_connections = {max_connections}")
            self.restart("fast")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        stop_server(self.home, mode="immediate")
        shutil.rmtree(self.home, ignore_errors=True)

    def restart(self, mode: Mode, *, pause: float = 0.0) -> None:
        """Stop in that mode, stay away for `pause` seconds, and start; returns when connections are accepted."""
        stop_server(self.home, mode=mode)
        time.sleep(pause)
        start_server(self.home, linger_seconds=0)
