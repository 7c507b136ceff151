"""A git process whose output is read as it comes: records up to a delimiter, or so many bytes."""

import os
import select
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Final, Self

from pgdex.indexer.git.errors import GitAborted, GitTimedOut
from pgdex.indexer.git.outcomes import last_lines, readable
from pgdex.indexer.git.program import Git
from pgdex.indexer.git.running import Limits, kill

_CHUNK_BYTES: Final = 1 << 18
_LOOK_SECONDS: Final = 0.2
_SAID_BYTES: Final = 8 << 10


class PipeEnded(Exception):
    """Git ended before it had said all that was asked; the text is the end of its stderr."""


class PipedGit:
    """Runs in the mirror `folder`, and uses no network. Raises PipeEnded where that folder is gone. A context manager;
    the process ends with it.

    Where this process is killed, git reads the end of its input, or writes to nobody, and ends too.
    """

    def __init__(
        self,
        git: Git,
        arguments: Sequence[str],
        *,
        folder: str,
        limits: Limits,
        aborted: Callable[[], bool] = lambda: False,
    ) -> None:
        self._limits = limits
        self._aborted = aborted
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        try:
            self._process = subprocess.Popen(
                git.command(arguments),
                cwd=folder,
                env=git.environment(folder=folder, in_repository=True),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                start_new_session=True,
                bufsize=0,
            )
        except FileNotFoundError as error:
            self._said.close()
            raise PipeEnded(f"{folder} is gone") from error
        except BaseException:
            self._said.close()
            raise
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in = self._process.stdin.fileno()
        self._out = self._process.stdout.fileno()
        self._poll = select.poll()
        self._poll.register(self._out, select.POLLIN)
        self._buffer = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process; twice does no harm."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
        kill(self._process)
        self._said.close()

    def send(self, line: bytes) -> None:
        """Write one request, which fits into a pipe. Raises PipeEnded."""
        try:
            os.write(self._in, line)
        except BrokenPipeError:
            raise self._ended() from None

    def line(self) -> bytes:
        """Read up to a line feed, and return what is before it."""
        while (end := self._buffer.find(b"\n")) < 0:
            self._more()
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def exactly(self, size: int) -> bytes:
        """Read that many bytes."""
        while len(self._buffer) < size:
            self._more()
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def records(self) -> Iterator[bytes]:
        """Everything that git prints, cut at its NULs. Raises PipeEnded where git then ends with an error."""
        rest = b""
        while chunk := self._chunk():
            *whole, rest = (rest + chunk).split(b"\0")
            yield from whole
        if self._process.wait(self._limits.stall) != 0 or rest:
            raise self._ended()

    def _more(self) -> None:
        if not (chunk := self._chunk()):
            raise self._ended()
        self._buffer += chunk

    def _chunk(self) -> bytes:
        waited_since = time.monotonic()
        while True:
            if self._aborted():
                raise GitAborted("reading from a mirror was stopped")
            if self._poll.poll(_LOOK_SECONDS * 1_000):
                break
            if time.monotonic() - waited_since > self._limits.stall:
                raise GitTimedOut(f"git gave no answer from a mirror for {self._limits.stall:g} s and was ended")
        return os.read(self._out, _CHUNK_BYTES)

    def _ended(self) -> PipeEnded:
        kill(self._process)
        self._said.seek(0, os.SEEK_END)
        self._said.seek(max(0, self._said.tell() - _SAID_BYTES))
        return PipeEnded(last_lines(readable(self._said.read())))
