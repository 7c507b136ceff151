"""A terminal that a test reads and types on."""

import os
import pty
import struct
import subprocess
import termios
from contextlib import suppress
from fcntl import ioctl

from tests.integration.cli.commands import Environment, pgdex
from tests.support.logins import PATIENCE_SECONDS


class Terminal:
    """A command on a terminal of 80 columns."""

    def __init__(self, environment: Environment, *arguments: str) -> None:
        self._main, side = pty.openpty()
        ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.process = subprocess.Popen(pgdex(*arguments), env=environment, stdin=side, stdout=side, stderr=side)
        os.close(side)
        self.shown = b""

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
