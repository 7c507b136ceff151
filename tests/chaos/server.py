"""A PostgreSQL server of a run's own, which can be restarted the hard way.

It is kept by a process of its own (`python -m tests.chaos.server FOLDER`): that one starts it as pgdex does, restarts
it when told to, and stops it when its standard input ends, however the run itself ended.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import psutil
import psycopg

from pgdex.jobs.database.embedded.server import start_server, stop_server
from tests.support.databases import url_of

SECONDS = 60  # that a stop or a start may take


class ChaosServer:
    """The server under `home`, a folder directly below /tmp."""

    def __init__(self, home: Path) -> None:
        self._keeper = subprocess.Popen(
            [sys.executable, "-P", "-m", "tests.chaos.server", str(home)],
            cwd=home,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # a Ctrl-C is for the run, which ends it
        )
        self.url = self._answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def url_of(self, database: str) -> str:
        """The URL of one of its databases."""
        return url_of(self.url, database)

    def restart(self, *, seconds: float = 0.0) -> float:
        """Stop it as a crash does, and start it again: every backend dies where it stands. With `seconds`, nothing is
        there for so long. Returns the seconds until it serves."""
        if not seconds:
            return self._tell("restart")
        started = time.monotonic()
        self.shut_down()
        time.sleep(seconds)
        self.start_again()
        return time.monotonic() - started

    def shut_down(self) -> None:
        """Stop it as a crash does; the server is gone until `start_again`."""
        self._tell("stop")

    def start_again(self) -> None:
        """Start the server that was shut down."""
        self._tell("start")

    def restart_with_stale_pid_file(self, stranger: int) -> float:
        """kill -9 of the server's first process, as a power failure does it; then start it as pgdex does, with a pid
        file that names the process `stranger`. Returns the seconds until it serves."""
        started = time.monotonic()
        self._tell(f"crash {stranger}")
        self.start_again()
        return time.monotonic() - started

    def stop(self) -> None:
        """End the server."""
        if self._keeper.stdin is not None:
            self._keeper.stdin.close()
        self._keeper.wait(SECONDS)

    def _tell(self, command: str) -> float:
        assert self._keeper.stdin is not None
        self._keeper.stdin.write(f"{command}\n")
        self._keeper.stdin.flush()
        return float(self._answer())

    def _answer(self) -> str:
        assert self._keeper.stdout is not None
        line = self._keeper.stdout.readline().strip()
        assert line, f"the keeper of the server ended with code {self._keeper.wait(5)}"
        return line


def main() -> None:
    """Keep the server under the folder that is given."""
    home = Path(sys.argv[1])
    url = start_server(home, linger_seconds=0)
    with psycopg.connect(url, autocommit=True) as connection:
        # The server's processes die in a run, the machine does not: what was written is there with or without fsync.
        connection.execute("alter system set fsync = off")
        connection.execute("select pg_reload_conf()")
    print(url, flush=True)
    for command in sys.stdin:
        started = time.monotonic()
        if command.startswith("crash "):
            _crash(home / "data", stranger=int(command.split()[1]))
        elif command != "start\n":
            stop_server(home, mode="immediate", seconds=SECONDS)
        if command in ("start\n", "restart\n"):
            start_server(home, linger_seconds=0)
        print(f"{time.monotonic() - started:.3f}", flush=True)
    stop_server(home, mode="immediate", seconds=SECONDS)


def _crash(data: Path, *, stranger: int) -> None:
    """kill -9 of the first process; its file names the stranger then, with the moment of the stranger's start."""
    file = data / "postmaster.pid"
    lines = file.read_text("utf-8").splitlines()
    server = psutil.Process(int(lines[0]))
    everybody = [server, *server.children(recursive=True)]
    server.kill()
    psutil.wait_procs(everybody, timeout=SECONDS)  # the others see that it is gone
    lines[0], lines[2] = str(stranger), str(int(psutil.Process(stranger).create_time()))
    file.write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
