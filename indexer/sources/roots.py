"""The folder at the top of a tree: opened once, and everything below it is reached from that descriptor.

A path that is looked up twice may lead to two places: whoever can write the folder above a repository, or one within
it, can exchange it for a link between a check and the use. So the root is opened once, and below it each component is
opened from the one before, without following links.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from pgdex.indexer.sources.skips import system_message

# Folders below the root that stay open for the next files: a batch is sorted by path, so nearly all files of a folder
# find it open. Bounded, because the default limit of a process is 1,024 descriptors, and it has several roots open.
MAX_OPEN_FOLDERS = 24

_FOLDER = getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_LISTING = os.O_RDONLY | _FOLDER
# O_PATH (Linux) needs no read permission on the folders, as opening a path in one go does not.
_PASSING = getattr(os, "O_PATH", os.O_RDONLY) | _FOLDER
_FILE = (
    os.O_RDONLY | _NOFOLLOW | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOCTTY", 0)
)

# Windows opens no folders and has no openat: see _by_path.
HAS_OPENAT = {os.open, os.stat, os.readlink} <= os.supports_dir_fd and os.scandir in os.supports_fd

HAS_NAMES_OF_DESCRIPTORS = os.path.isdir("/proc/self/fd")


class RootUnavailable(Exception):
    """The root folder of a tree is missing, is no folder, can't be read, or was replaced."""


class LinkOnPath(OSError):
    """A folder on a path is a symbolic link (now), and links are not followed. `errno` is ELOOP."""

    def __init__(self, name: bytes) -> None:
        super().__init__(errno.ELOOP, os.strerror(errno.ELOOP))
        self.name = name


class OpenedRoot:
    """The root of a tree, held open. Paths are bytes, relative to it, with '/'; the empty path is the root itself.

    For one thread. Close it, or use it as a context manager.
    """

    def __init__(self, path: Path, *, within: Path | None = None, for_listing: bool = False) -> None:
        """Open `path`. With `within` (an absolute path without links, above or at `path`) it is reached from there, one
        component after the other, so that it lies below `within` whatever is exchanged meanwhile.

        `for_listing` opens folders so that they can be listed. Raises RootUnavailable.
        """
        self.path = path
        self._below = _LISTING if for_listing else _PASSING
        self._open: dict[bytes, int] = {}
        self._descriptor = -1
        self._real = os.path.realpath(os.fsencode(path)) if within is None else os.fsencode(path)
        if HAS_OPENAT:
            try:
                self._descriptor = _descend(path, within)
            except OSError as error:
                root_identity(path)  # says better what is wrong with it, if it still is
                raise RootUnavailable(f"{path} cannot be opened: {system_message(error)}") from error
        self.identity = root_identity(path) if self._descriptor < 0 else _identity(os.fstat(self._descriptor))
        """Device and inode, which tell this folder from one that takes its name. Other machines have other numbers."""

    @property
    def real_path(self) -> bytes:
        """The absolute path without links, as it was when the root was opened."""
        return self._real

    def close(self) -> None:
        """Close all descriptors."""
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def require_same(self, doing: str) -> None:
        """Raise RootUnavailable where the root's path leads elsewhere by now, or nowhere.

        For those who miss something below it: it may be missing because the root is. `doing` says what it was doing.
        """
        if root_identity(self.path) != self.identity:
            raise RootUnavailable(f"{self.path} was replaced while it was being {doing}")

    @contextmanager
    def listing(self, path: bytes) -> Iterator[tuple[int | None, Iterator[os.DirEntry[str]]]]:
        """The descriptor (None where the system has none) and the entries of a folder. Raises OSError."""
        folder: int | str
        descriptor = folder = self._folder(path) if HAS_OPENAT else os.fsdecode(self._by_path(path))
        with os.scandir(folder) as entries:
            # scandir gives names as str for a descriptor too, which its type does not say.
            yield (descriptor if HAS_OPENAT else None), entries  # type: ignore[misc]  # see above

    def location(self, path: bytes, descriptor: int | None) -> bytes:
        """A path of a folder that is being listed, for those who need one. Where the system has names for descriptors
        it leads to this very folder."""
        if descriptor is not None and HAS_NAMES_OF_DESCRIPTORS:
            return b"/proc/self/fd/%d" % descriptor
        return os.path.join(self._real, path)

    def open_file(self, path: bytes) -> int:
        """A descriptor of a file, for the caller to close. Never waits for a pipe's writer. Raises OSError."""
        if not HAS_OPENAT:
            return os.open(self._by_path(path), _FILE)
        above, _, name = path.rpartition(b"/")
        return os.open(name, _FILE, dir_fd=self._folder(above))

    def status(self, path: bytes) -> os.stat_result:
        """What lstat says. Raises OSError."""
        if not HAS_OPENAT:
            return os.lstat(self._by_path(path))
        above, _, name = path.rpartition(b"/")
        if not name:
            return os.fstat(self._descriptor)
        return os.stat(name, dir_fd=self._folder(above), follow_symlinks=False)

    def read_link(self, path: bytes) -> bytes:
        """Where a symbolic link leads. Raises OSError."""
        if not HAS_OPENAT:
            return os.readlink(os.path.join(self._real, path))
        above, _, name = path.rpartition(b"/")
        return os.readlink(name, dir_fd=self._folder(above))

    def _folder(self, path: bytes) -> int:
        """The descriptor of a folder, which stays ours and is open until the next call at least."""
        if not path:
            return self._descriptor
        if (descriptor := self._open.pop(path, None)) is not None:
            self._open[path] = descriptor  # the last to be closed now
            return descriptor
        components = path.split(b"/")
        known = len(components) - 1
        while known and b"/".join(components[:known]) not in self._open:
            known -= 1
        descriptor = self._descriptor
        if known:
            nearest = b"/".join(components[:known])
            descriptor = self._open[nearest] = self._open.pop(nearest)
        for number in range(known, len(components)):
            descriptor = self._open_below(components[number], descriptor)
            self._open[b"/".join(components[: number + 1])] = descriptor
            if len(self._open) > MAX_OPEN_FOLDERS:
                os.close(self._open.pop(next(iter(self._open))))
        return descriptor

    def _open_below(self, name: bytes, above: int) -> int:
        try:
            return os.open(name, self._below | _NOFOLLOW, dir_fd=above)
        except NotADirectoryError as error:
            # For a link in the place of a folder the systems differ: ENOTDIR or ELOOP.
            if stat.S_ISLNK(os.stat(name, dir_fd=above, follow_symlinks=False).st_mode):
                raise LinkOnPath(name) from error
            raise

    def _by_path(self, path: bytes) -> bytes:
        """The full path, where there is no openat. Here check and use are two looks: on such a system nobody but those
        who are trusted may write the folders that are indexed."""
        location = os.path.join(self._real, path)
        above = os.path.dirname(location) if path else location
        if os.path.realpath(above) != os.path.normpath(above):
            raise LinkOnPath(os.path.basename(above))
        return location


def root_identity(root: Path) -> tuple[int, int]:
    """Return device and inode of the root; raises RootUnavailable where it can't be used."""
    try:
        status = os.stat(root)
    except FileNotFoundError:
        raise RootUnavailable(f"{root} does not exist") from None
    except OSError as error:
        raise RootUnavailable(f"{root} cannot be reached: {system_message(error)}") from error
    if not stat.S_ISDIR(status.st_mode):
        raise RootUnavailable(f"{root} is not a folder")
    effective = os.access in os.supports_effective_ids
    if not os.access(root, os.R_OK | os.X_OK, effective_ids=effective):
        raise RootUnavailable(f"{root} cannot be read: permission denied")
    return _identity(status)


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _descend(path: Path, within: Path | None) -> int:
    """A descriptor of `path`, reached from `within` without following a link below it."""
    if within is None or path == within:
        return os.open(path, _LISTING)
    *above, last = path.relative_to(within).parts
    descriptor = os.open(within, _PASSING)
    try:
        for name, flags in [*((name, _PASSING) for name in above), (last, _LISTING)]:
            below = os.open(name, flags | _NOFOLLOW, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
