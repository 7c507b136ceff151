"""A terminal that a test reads and types on."""

import os
import pty
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from fcntl import ioctl
from pathlib import Path
from select import select

import pyte

from tests.integration.cli.commands import Environment, pgdex
from tests.support.logins import PATIENCE_SECONDS


class Terminal:
    """A command on a terminal of 80 columns and 24 rows, or of others; in `cwd`, else in the present folder."""

    def __init__(
        self,
        environment: Environment,
        *arguments: str,
        columns: int = 80,
        rows: int = 24,
        cwd: Path | None = None,
        command: Sequence[str] = (),
    ) -> None:
        """`command` is run instead of pgdex."""
        self._main, side = pty.openpty()
        ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process = subprocess.Popen(
            command or pgdex(*arguments),
            env=environment,
            cwd=cwd,
            stdin=side,
            stdout=side,
            stderr=side,
        )
        os.close(side)
        self.shown = b""
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._fed = 0

    def resize(self, columns: int, rows: int = 24) -> None:
        """Another size from here on: of the terminal, and of what `screen` makes of it."""
        self.screen()
        self._screen.resize(rows, columns)
        ioctl(self._main, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGWINCH)

    def screen(self) -> list[str]:
        """The lines that a person sees now, without the empty ones at the end."""
        self._stream.feed(self.shown[self._fed :])
        self._fed = len(self.shown)
        lines = [line.rstrip() for line in self._screen.display]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    @property
    def said(self) -> str:
        """All that was shown, with one blank wherever a line was wrapped or words stand apart."""
        return " ".join(self.shown.decode().split())

    def wait_for_screen(self, is_there: Callable[[list[str]], bool]) -> list[str]:
        """Read until the screen is as wanted; returns its lines."""
        until = time.monotonic() + PATIENCE_SECONDS
        while not is_there(self.screen()):
            assert time.monotonic() < until, self.screen()
            if select([self._main], [], [], 0.1)[0]:
                self.shown += os.read(self._main, 65536)
        return self.screen()

    def read_until(self, wanted: str) -> None:
        """Read until `wanted` was shown."""
        while wanted.encode() not in self.shown:
            self.shown += os.read(self._main, 65536)

    def type(self, text: str) -> None:
        """Type, as on a keyboard."""
        os.write(self._main, text.encode())

    def end(self) -> int:
        """Read to the end; returns the exit code."""
        with suppress(OSError):  # how Linux says that nobody holds the other side any more
            while part := os.read(self._main, 65536):
                self.shown += part
        os.close(self._main)
        return self.process.wait(PATIENCE_SECONDS)
