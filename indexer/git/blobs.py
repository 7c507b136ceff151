"""Objects of a mirror by their names, from one `git cat-file --batch` that answers one request after the other."""

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
    """The mirror does not have the object, though it should, or can't read it."""


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

    def read(self, name: bytes, max_bytes: int) -> bytes | TooLarge | None:
        """Return the content of a blob (`name` is an id, or `commit:path`); None where it is no blob or there is none.

        Of a larger one nothing is read. Raises ObjectMissing, GitAborted, GitTimedOut.
        """
        if self._process is None:
            self._process = PipedGit(
                self._git, ["cat-file", "--batch"], folder=self._folder, limits=self._limits, aborted=self._aborted
            )
        try:
            self._process.send(name + b"\n")
            return self._answer(self._process, max_bytes)
        except PipeEnded as ended:
            self.close()
            raise ObjectMissing(str(ended)) from ended
        except BaseException:
            self.close()  # what it still has to say would be taken for the next answer
            raise

    def _answer(self, process: PipedGit, max_bytes: int) -> bytes | TooLarge | None:
        header = process.line()
        if header.endswith((b" missing", b" ambiguous")):
            return None
        # What else could stand for an object that is not there has a second line, such as "dangling 12\nname".
        kind, size_text = header.rsplit(b" ", 2)[1:]
        if kind not in (b"blob", b"tree", b"commit", b"tag") or not size_text.isdigit():
            self.close()
            return None
        size = int(size_text)
        if size > max_bytes:
            self.close()  # it is being sent already; to start another takes 3 ms, and large ones are not asked for
            return TooLarge(size) if kind == b"blob" else None
        data = process.exactly(size + 1)[:-1]
        return data if kind == b"blob" else None
