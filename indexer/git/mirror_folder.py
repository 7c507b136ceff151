"""The folder of one mirror: its name, its locks, how it comes into being and is put aside."""

import errno
import fcntl
import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pgdex.indexer.git.errors import GitAborted, GitFailed, GitTimedOut
from pgdex.indexer.git.program import Git
from pgdex.indexer.git.running import run
from pgdex.indexer.git.urls import GitUrl

_LOOK_SECONDS: Final = 0.05
_USED: Final = "pgdex-used"
_FETCHING: Final = "pgdex-fetching"
# What stands between a mirror's name and the random end of a folder's: in use, put aside, being made.
_IN_PLACE: Final = ".at-"
_ASIDE: Final = ".aside-"
_NEW: Final = ".new-"


@dataclass(frozen=True, slots=True)
class MirrorFolder:
    """A bare repository below `folder`, which holds nothing but mirrors and their locks.

    Its path is another one each time that it is made: a git whose parent was killed may go on for a while, and removes
    and renames lock files by their absolute paths, as if the folder there were still its own.

    Two locks, which the kernel releases however a process ends: `fetch` is held by the one that changes the mirror,
    `use` is shared by all that read it and taken alone by the one that removes it.
    """

    folder: Path
    name: str

    @classmethod
    def of(cls, folder: Path, url: GitUrl, commit: str) -> "MirrorFolder":
        """The mirror for commits of this length of `url`: a repository in SHA-256 that takes the place of one in SHA-1
        gets a mirror of its own."""
        readable = re.sub(r"[^a-z0-9.-]+", "-", url.identity.lower()).strip("-.")[-60:].lstrip("-.")
        digest = hashlib.sha256(f"{url.identity}\0{url.text}".encode()).hexdigest()[:16]
        return cls(folder, f"{readable or 'repository'}-{digest}{'-sha256' if len(commit) == 64 else ''}")

    @property
    def path(self) -> str:
        """The bare repository; where there is none, a path at which there never is one."""
        beginning = f"{self.name}{_IN_PLACE}"
        try:
            found = sorted(name for name in os.listdir(self.folder) if name.startswith(beginning))
        except FileNotFoundError:
            found = []
        return str(self.folder / (found[0] if found else f"{beginning}none"))

    @property
    def object_format(self) -> str:
        """What git calls the kind of its ids."""
        return "sha256" if self.name.endswith("-sha256") else "sha1"

    def identity(self) -> tuple[int, int] | None:
        """Device and inode, which tell this mirror from one that takes its place; None where there is none."""
        try:
            status = os.stat(self.path)
        except OSError:
            return None
        return status.st_dev, status.st_ino

    @contextmanager
    def in_use(self, aborted: Callable[[], bool] = lambda: False) -> Iterator[None]:
        """Keep the mirror from being removed. Raises GitAborted."""
        with _locked(self._lock("use"), fcntl.LOCK_SH, aborted=aborted):
            yield
            with suppress(OSError):
                os.utime(os.path.join(self.path, _USED))

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Take the mirror for oneself if nobody uses it; gives whether that is so."""
        with _locked_if_free(self._lock("use")) as free:
            yield free

    @contextmanager
    def fetching(
        self, *, wait: float, aborted: Callable[[], bool], waiting: Callable[[], object] = lambda: None
    ) -> Iterator[None]:
        """Be the only one that changes the mirror; waits for another for `wait` seconds at most and says so by
        `waiting`. Raises GitAborted and GitTimedOut."""
        with _locked(self._lock("fetch"), fcntl.LOCK_EX, aborted=aborted, waiting=waiting, wait=wait):
            yield

    def was_interrupted(self) -> bool:
        """Whether a process ended in the middle of a change; for the holder of `fetching`. Its git may still run."""
        return os.path.lexists(os.path.join(self.path, _FETCHING))

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Note that a change is under way, for whoever comes after a crash; for the holder of `fetching`."""
        path = self.path
        mark = os.path.join(path, _FETCHING)
        with open(mark, "w"):
            pass
        try:
            yield
        finally:
            _sweep(path)  # git is gone by now, and what it left half done is nobody's
            with suppress(FileNotFoundError):
                os.unlink(mark)

    def create(self, git: Git) -> None:
        """Make an empty mirror, beside its final place; for the holder of `fetching`."""
        token = secrets.token_hex(4)
        new = str(self.folder / f"{self.name}{_NEW}{token}")
        os.mkdir(new, 0o700)
        try:
            arguments = ["init", "--quiet", "--bare", "--template=", f"--object-format={self.object_format}"]
            done = run(git, [*arguments, "."], folder=new, in_repository=True)
            if done.status != 0:
                raise GitFailed(f"git could not create a mirror in {self.folder} (git: {done.said[-300:]})")
            with open(os.path.join(new, _USED), "w"):
                pass
            os.rename(new, self.folder / f"{self.name}{_IN_PLACE}{token}")
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise

    def put_aside(self) -> None:
        """Move the mirror out of the way, for the holder of `fetching`. Who reads it goes on reading, since its git
        runs in that folder; it is removed later, when nobody does."""
        with suppress(FileNotFoundError):
            os.rename(self.path, self.folder / f"{self.name}{_ASIDE}{secrets.token_hex(4)}")

    def last_used(self) -> float:
        """When it was last read, in seconds since 1970."""
        try:
            return os.stat(os.path.join(self.path, _USED)).st_mtime
        except OSError:
            return 0.0

    def _lock(self, kind: str) -> str:
        locks = self.folder / "locks"
        locks.mkdir(mode=0o700, parents=True, exist_ok=True)
        return str(locks / f"{self.name}.{kind}")


def owner_of(folder: Path, name: str) -> tuple[MirrorFolder, bool]:
    """Return the mirror that a folder of this name belongs to, and whether it is in its place."""
    mirror, mark, _ = re.split(rf"({re.escape(_IN_PLACE)}|{re.escape(_ASIDE)}|{re.escape(_NEW)}|$)", name, maxsplit=1)
    return MirrorFolder(folder, mirror), mark == _IN_PLACE


def _sweep(path: str) -> None:
    for below, _, files in os.walk(path):
        for file in files:
            if file.endswith(".lock") or file.startswith("tmp_"):
                with suppress(OSError):
                    os.unlink(os.path.join(below, file))


def bytes_below(path: str) -> int:
    """The size of all files below a folder."""
    total = 0
    for below, _, files in os.walk(path):
        for file in files:
            with suppress(OSError):
                total += os.lstat(os.path.join(below, file)).st_size
    return total


@contextmanager
def _locked(
    path: str,
    kind: int,
    *,
    aborted: Callable[[], bool],
    waiting: Callable[[], object] = lambda: None,
    wait: float = 3_600.0,
) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        until = time.monotonic() + wait
        is_told = False
        while not _taken(descriptor, kind):
            if not is_told:
                waiting()
                is_told = True
            if aborted():
                raise GitAborted("waiting for another process that fetches was stopped")
            if time.monotonic() > until:
                raise GitTimedOut(f"another process has been fetching the same repository for {wait:g} s")
            time.sleep(_LOOK_SECONDS)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _locked_if_free(path: str) -> Iterator[bool]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield _taken(descriptor, fcntl.LOCK_EX)
    finally:
        os.close(descriptor)


def _taken(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES):
            return False
        raise
    return True
