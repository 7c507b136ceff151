"""Repositories on this machine: where their git directory is, and whether all that belongs to it may be read."""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from pgdex.indexer.git.errors import NotARepository, SourceRefused

_MOST_ALTERNATES: Final = 50
_SMALL_FILE_BYTES: Final = 1 << 16


def git_directory(path: str) -> str:
    """Return the git directory of the repository or working tree at `path`, without links. Raises NotARepository."""
    if not os.path.exists(path):
        raise NotARepository(f"there is no folder {path} on this machine")
    if not os.path.isdir(path):
        raise NotARepository(f"{path} is a file, not a repository; give the repository's folder")
    inner = os.path.join(path, ".git")
    if os.path.isfile(inner):  # a worktree or a submodule
        target = _small(inner).removeprefix("gitdir: ").strip()
        inner = os.path.join(path, target)
    for directory in (inner, path):
        if os.path.lexists(os.path.join(directory, "HEAD")) and os.path.isdir(_objects(directory)):
            return os.path.realpath(directory)
    raise NotARepository(f"{path} is not a git repository: neither bare nor a working tree")


def require_inside(directory: str, roots: Sequence[Path]) -> None:
    """Raise SourceRefused where the git directory, or where its objects lie, is outside of `roots`; empty: everywhere.

    A repository names other places for its objects itself (a clone with --shared does), and whoever may write into an
    allowed folder could have any repository of this machine read that way. Links count as what they lead to.
    """
    if not roots:
        return
    reals = [os.path.realpath(root) for root in roots]
    for place in _places(directory):
        real = os.path.realpath(place)
        if not any(real == root or real.startswith(os.path.join(root, "")) for root in reals):
            raise SourceRefused(
                f"the repository {directory} keeps a part of itself in {real}, outside of the allowed folders "
                f"({', '.join(map(str, roots))})"
            )


def _places(directory: str) -> Iterator[str]:
    yield directory
    waiting = [_objects(directory)]
    seen: set[str] = set()
    while waiting:
        objects = waiting.pop()
        if os.path.realpath(objects) in seen:
            continue
        seen.add(os.path.realpath(objects))
        if len(seen) > _MOST_ALTERNATES:
            raise SourceRefused(f"the repository {directory} has more than {_MOST_ALTERNATES} object stores")
        yield objects
        yield from _links(objects)
        for folder in ("pack", *(f"{number:02x}" for number in range(256))):
            yield from _links(os.path.join(objects, folder))
        waiting += [os.path.join(objects, line) for line in _alternates(directory, objects)]


def _alternates(directory: str, objects: str) -> list[str]:
    """The other places that an object store names. Git takes lines in double quotes as C writes texts, so that one with
    `\\057` for a slash would lead elsewhere than it seems to; it writes such lines for odd names only."""
    listed = _small(os.path.join(objects, "info", "alternates"))
    lines = [line for line in listed.split("\n") if line and not line.startswith("#")]
    if len(listed) >= _SMALL_FILE_BYTES or any(line.startswith('"') for line in lines):
        raise SourceRefused(
            f"the repository {directory} names other places for its objects in a way that can't be checked against the "
            f"allowed folders ({os.path.join(objects, 'info', 'alternates')}): write plain absolute paths there"
        )
    return lines


def _links(folder: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            yield from (entry.path for entry in entries if entry.is_symlink())
    except OSError:
        return


def _objects(directory: str) -> str:
    shared = _small(os.path.join(directory, "commondir")).strip()
    return os.path.join(directory, shared, "objects")


def _small(path: str) -> str:
    """The text of a small regular file; empty where it can't be had."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return ""
        return os.fsdecode(os.read(descriptor, _SMALL_FILE_BYTES))
    except OSError:
        return ""
    finally:
        os.close(descriptor)
