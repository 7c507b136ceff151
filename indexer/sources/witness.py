"""What a tree is known by: so that a worker for which it is not there does not take that for the truth.

A network share that is not mounted leaves an empty folder behind, or another one. What is missing there was not
deleted. The scan of a job writes down a few names and where other file systems are mounted, and every worker that
takes a part of the job looks for them, before it reads and after.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Self

from pgdex.indexer.sources.roots import OpenedRoot, RootUnavailable

NAMES = 16  # of the root's own entries, and as many folders further down: looking for them takes 30 microseconds
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
MOUNTS = Path("/proc/self/mountinfo")


class NotSeenHere(RootUnavailable):
    """The repository is not, or not wholly, where this process looks for it, though others have seen it there."""


@dataclass(frozen=True, slots=True)
class Witness:
    """`names` are paths that the scan saw, `mounts` the folders below the root where another file system is mounted.

    `identity` is the root's device and inode with the kernel that numbered them; None where they say nothing (the root
    is a mount point itself, where any disk has the same inode).
    """

    names: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()
    identity: str | None = None

    @classmethod
    def from_json(cls, value: dict[str, Any] | None) -> Self:
        """As `to_json` gave it; an empty one for None."""
        value = value or {}
        return cls(tuple(value.get("names", ())), tuple(value.get("mounts", ())), value.get("identity"))

    def to_json(self) -> dict[str, Any]:
        """For a jsonb column."""
        return {"names": list(self.names), "mounts": list(self.mounts), "identity": self.identity}

    def is_of(self, root: OpenedRoot) -> bool:
        """Whether `root` is the folder that this was written of, or one that has a name of it; or this one is empty."""
        if not self.names or (self.identity is not None and self.identity == identity_of(root)):
            return True
        return any(_exists(root, name) for name in self.names)

    def require(self, root: OpenedRoot) -> None:
        """Raise NotSeenHere where fewer than half of the names are below `root`, and it is not the very same folder."""
        if not self.names or (self.identity is not None and self.identity == identity_of(root)):
            return
        seen = sum(_exists(root, name) for name in self.names)
        if seen * 2 < len(self.names):
            what = "nothing" if not seen else f"only {seen} of {len(self.names)} entries"
            raise NotSeenHere(
                f"{root.path} holds {what} of what the job's scan found there: is a disk or a share not mounted?"
            )

    def require_mounts(self, root: OpenedRoot, absent: Iterable[str]) -> None:
        """Raise NotSeenHere where a path of `absent` lies in a folder on which a file system was mounted, and none is
        now."""
        paths = list(absent)
        for mount in self.mounts:
            if any(path.startswith(f"{mount}/") for path in paths) and not is_mounted(root, mount):
                raise NotSeenHere(f"{root.path}/{mount} was on a file system of its own, which is not mounted here")

    def unmounted(self, root: OpenedRoot) -> list[str]:
        """The folders of `mounts` that are still there, but with nothing mounted on them now."""
        return [mount for mount in self.mounts if _exists(root, mount) and not is_mounted(root, mount)]


@dataclass(slots=True)
class WitnessNotes:
    """Collects, while a tree is walked, what makes a Witness."""

    _points: frozenset[bytes] | None = None
    _device: int = 0
    _top: Sequence[bytes] = ()
    _folders: list[bytes] = field(default_factory=list)
    _mounts: dict[bytes, int] = field(default_factory=dict)
    _seen: int = 0
    _chance: Random = field(default_factory=lambda: Random(0))  # noqa: S311 (no secret, and the same each time)

    def root(self, root: OpenedRoot, entries: Sequence[bytes]) -> None:
        """The root was entered; `entries` are those in it that are not left out, folders with a '/'."""
        self._points = mount_points(root.real_path)
        self._device = root.identity[0]
        self._top = entries

    def folder(self, path: bytes, device: int) -> None:
        """A folder below the root was entered, on the device of this number."""
        if self._is_mount(path, device):
            self._mounts[path] = device
        if b"/" not in path:
            return  # a name of the top
        # An even sample of what has no known length: each has the same chance to be among them at the end. Not every
        # n-th: trees have a rhythm, and all might be src folders.
        self._seen += 1
        place = self._seen - 1 if self._seen <= NAMES else self._chance.randrange(self._seen)
        self._folders[place : place + 1] = [path] if place < NAMES else []

    def witness(self, root: OpenedRoot) -> Witness:
        """What this tree is known by from now on."""
        samples = (_sample(self._top), self._folders)
        names = dict.fromkeys(name.rstrip(b"/") for sample in samples for name in sample)
        return Witness(tuple(_texts(names)), tuple(_texts(sorted(self._mounts))), identity_of(root))

    def _is_mount(self, path: bytes, device: int) -> bool:
        if self._points is not None:
            return path in self._points
        around = [mount for mount in self._mounts if path.startswith(mount + b"/")]
        return device != (self._mounts[max(around, key=len)] if around else self._device)


def identity_of(root: OpenedRoot) -> str | None:
    """Device and inode of the root, with the kernel that numbered the device; None where the root is a mount point, or
    may be one."""
    points = mount_points(root.real_path)
    if not _kernel() or points is None or b"" in points:
        return None
    return f"{_kernel()}:{root.identity[0]}:{root.identity[1]}"


def is_mounted(root: OpenedRoot, path: str) -> bool:
    """Whether a file system is mounted on this folder below the root."""
    points = mount_points(root.real_path)
    if points is not None:
        return path.encode() in points
    try:
        return root.status(path.encode()).st_dev != root.status(path.encode().rpartition(b"/")[0]).st_dev
    except OSError:
        return False


def _exists(root: OpenedRoot, path: str) -> bool:
    try:
        root.status(path.encode())
    except OSError:
        return False
    return True


def _sample(names: Sequence[bytes]) -> Sequence[bytes]:
    return names[:: max(1, -(-len(names) // NAMES))]


def _texts(paths: Iterable[bytes]) -> Iterator[str]:
    """Those that a database can hold."""
    for path in paths:
        with suppress(UnicodeDecodeError):
            yield path.decode()


@cache
def _kernel() -> str:
    """The number of this start of this machine's kernel; device numbers hold for that long. Empty where it has none."""
    try:
        return BOOT_ID.read_text("ascii").strip()
    except OSError:
        return ""


def mount_points(root: bytes) -> frozenset[bytes] | None:
    """The mount points at and below `root` (a real path), relative to it, the root itself being the empty path.

    Read from the kernel's list, because a bind mount has the device number of the folder around it. None where the
    system has no such list: then a folder's device number, other than that of the folder around it, tells.
    """
    try:
        lines = MOUNTS.read_bytes().splitlines()
    except OSError:
        return None
    above = os.path.join(root, b"")
    found = set()
    for line in lines:
        fields = line.split(b" ", 5)
        if len(fields) < 6:
            continue
        point = re.sub(rb"\\([0-7]{3})", lambda octal: bytes([int(octal[1], 8) & 255]), fields[4])
        if point == root:
            found.add(b"")
        elif point.startswith(above):
            found.add(point[len(above) :])
    return frozenset(found)
