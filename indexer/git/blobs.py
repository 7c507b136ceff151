"""Blobs of a mirror by their ids, from one `git cat-file --batch` that answers one request after the other."""

from collections.abc import Callable
from dataclasses import dataclass

from pgdex.indexer.git.piped import PipedGit, PipeEnded
from pgdex.indexer.git.program import Git
from pgdex.indexer.git.running import Limits


@dataclass(frozen=True, slots=True)
class TooLarge:
    """A blob that was not read, and its size in bytes."""

    size: int


class ObjectMissing(Exception):
    """The mirror does not have the blob, or can't read it."""


class Blobs:
    """Close it, or the process stays."""

    def __init__(self, git: Git, folder: str, *, limits: Limits, aborted: Callable[[], bool]) -> None:
        self._git = git
        self._folder = folder
        self._limits = limits
        self._aborted = aborted
        self._process: PipedGit | None = None

    def close(self) -> None:
        """End the process; the next request starts another."""
        if self._process is not None:
            self._process.close()
            self._process = None

    def read(self, blob: bytes, max_bytes: int) -> bytes | TooLarge:
        """Return the content of a blob, by its id in hexadecimal; of a larger one nothing is read.

        Raises ObjectMissing, GitAborted, GitTimedOut.
        """
        try:
            if self._process is None:
                self._process = PipedGit(
                    self._git, ["cat-file", "--batch"], folder=self._folder, limits=self._limits, aborted=self._aborted
                )
            self._process.send(blob + b"\n")
            return self._answer(self._process, blob, max_bytes)
        except PipeEnded as ended:
            self.close()
            raise ObjectMissing(str(ended)) from ended
        except BaseException:
            self.close()  # what it still has to say would be taken for the next answer
            raise

    def _answer(self, process: PipedGit, blob: bytes, max_bytes: int) -> bytes | TooLarge:
        header = process.line()
        name, kind, *rest = header.split(b" ")
        if name != blob or kind != b"blob" or not rest:
            raise ObjectMissing(header.decode(errors="replace"))
        size = int(rest[0])
        if size > max_bytes:
            self.close()  # it is being sent already; to start another takes 3 ms, and large ones are not asked for
            return TooLarge(size)
        return process.exactly(size + 1)[:-1]
