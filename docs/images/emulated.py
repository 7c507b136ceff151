"""A terminal that nobody sits at: runs commands in it, and keeps what a person would have seen.

Used by terminal.py and recording.py. The emulator is pyte; what came from a command is fed to it as it came.
"""

import fcntl
import json
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import sysconfig
import tempfile
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from select import select

import psutil
import pyte

PROMPT = "$"
QUIET_SECONDS = 0.3  # without output, after which a prompt is taken for a prompt
KEY_SECONDS = 0.045
LONGEST_SECONDS = 180.0
# Of the standard library: what is no library, or not in everyone's.
LEFT_OUT = (
    "site-packages",
    "dist-packages",
    "__pycache__",
    "test",
    "tests",
    "idlelib",
    "lib2to3",
    "pydoc_data",
    "*.so",
)
PALETTE = {
    "black": "#1b1f24",
    "red": "#ff7b72",
    "green": "#56d364",
    "brown": "#e3b341",
    "blue": "#79c0ff",
    "magenta": "#d2a8ff",
    "cyan": "#56d4dd",
    "white": "#c9d1d9",
    "brightblack": "#8b949e",
    "brightred": "#ffa198",
    "brightgreen": "#7ee787",
    "brightbrown": "#f2cc60",
    "brightyellow": "#f2cc60",
    "brightblue": "#a5d6ff",
    "brightmagenta": "#e2c5ff",
    "brightcyan": "#b3f0ff",
    "brightwhite": "#ffffff",
}


@contextmanager
def scene() -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder with something to index (`stdlib`: Python's own library, which every machine has), and the environment
    of commands in it, with a PGDEX_HOME of its own. Both are gone afterwards, with whatever runs there."""
    place = Path(tempfile.mkdtemp(prefix="pgdex-scene-", dir="/tmp"))  # root's server has to get there
    place.chmod(0o755)
    library = Path(sysconfig.get_path("stdlib"))
    shutil.copytree(
        library,
        place / "stdlib",
        ignore=shutil.ignore_patterns(*LEFT_OUT),
    )
    home = place / "home"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PGDEX_", "PG", "LESS"))}
    environment = kept | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PGDEX_HOME": str(home),
        "PGDEX_SERVER_LINGER": "0",
        "TERM": "xterm-256color",
        "HISTFILE": "/dev/null",
        "PS1": rf"\[\e[1;32m\]{PROMPT}\[\e[0m\] ",
        "LC_ALL": "C.UTF-8",
    }
    environment.pop("COLUMNS", None)
    try:
        # The database is there already, as it is after the first command ever.
        subprocess.run(["pgdex", "list"], env=environment, capture_output=True, check=True)
        yield place, environment
    finally:
        _end_processes(environment, home)
        shutil.rmtree(place, ignore_errors=True)


def _end_processes(environment: dict[str, str], home: Path) -> None:
    """End the workers with whoever restarts them; the server follows, since nobody uses it any more."""
    listed = subprocess.run(
        ["pgdex", "workers", "--json"], env=environment, capture_output=True, text=True, check=False
    ).stdout
    for worker in json.loads(listed or "[]"):
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(worker["pid"])
            supervisor = process.parent()
            if supervisor is not None and "pgdex.jobs.cli" in supervisor.cmdline():
                supervisor.terminate()
                supervisor.wait(30)
    until = time.monotonic() + 30
    while (home / "data" / "postmaster.pid").exists() and time.monotonic() < until:
        time.sleep(0.2)


@dataclass
class Session:
    """A shell in a terminal of `columns` and `rows`, in `folder`. `events` are (seconds since the start, output)."""

    folder: Path
    environment: dict[str, str]
    columns: int
    rows: int
    events: list[tuple[float, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.screen = pyte.Screen(self.columns, self.rows)
        self._stream = pyte.ByteStream(self.screen)
        self._began = time.monotonic()
        self._process, self._descriptor = pty.fork()
        if self._process == 0:
            os.chdir(self.folder)
            os.execvpe("bash", ["bash", "--noprofile", "--norc", "-i"], self.environment)
        size = struct.pack("HHHH", self.rows, self.columns, 0, 0)
        fcntl.ioctl(self._descriptor, termios.TIOCSWINSZ, size)
        self.wait_for_prompt()

    def type(self, text: str) -> None:
        """Type a command as a person does, and press Enter."""
        for key in text:
            os.write(self._descriptor, key.encode())
            self._read_for(KEY_SECONDS)
        self._read_for(10 * KEY_SECONDS)
        os.write(self._descriptor, b"\r")

    def press(self, key: str) -> None:
        """One key."""
        os.write(self._descriptor, key.encode())

    def run(self, command: str) -> list[str]:
        """Type a command and wait for its end; returns what is on the screen then."""
        self.type(command)
        self.wait_for_prompt()
        return self.shown()

    def wait_for_prompt(self) -> None:
        """Wait until the shell asks for the next command."""
        self.wait_until(lambda shown: bool(shown) and shown[-1] == PROMPT, quiet=True)

    def wait_until(self, is_there: Callable[[list[str]], bool], *, quiet: bool = False) -> None:
        """Read until the screen is as wanted, and where it has to be `quiet`, nothing more comes."""
        until = time.monotonic() + LONGEST_SECONDS
        while time.monotonic() < until:
            came = self._read_for(QUIET_SECONDS if quiet else 0.02)
            if is_there(self.shown()) and not (quiet and came):
                return
        sys.exit("it did not come to that:\n" + "\n".join(self.shown()))

    def shown(self) -> list[str]:
        """The lines of the screen, without the empty ones at its end."""
        lines = [line.rstrip() for line in self.screen.display]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    def pause(self, seconds: float) -> None:
        """Give whoever watches the time to read."""
        self._read_for(seconds)

    def close(self) -> None:
        """End the shell."""
        os.kill(self._process, signal.SIGHUP)
        os.close(self._descriptor)
        os.waitpid(self._process, 0)

    def _read_for(self, seconds: float) -> bool:
        """Take in what comes within so long; whether anything came."""
        until, came = time.monotonic() + seconds, False
        while (left := until - time.monotonic()) > 0:
            if not select([self._descriptor], [], [], left)[0]:
                break
            try:
                data = os.read(self._descriptor, 65_536)
            except OSError:  # Linux's word for a terminal that nobody writes to any more
                break
            came = True
            self._stream.feed(data)
            self.events.append((time.monotonic() - self._began, data.decode(errors="replace")))
        return came


def colour(name: str, *, usual: str) -> str:
    """A colour of pyte's as SVG and rich know it."""
    if name == "default":
        return usual
    return f"#{name}" if re.fullmatch(r"[0-9a-f]{6}", name) else PALETTE[name]
