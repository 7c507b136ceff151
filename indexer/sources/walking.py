"""Listing a tree: which files there are below a folder, without reading any."""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pgdex.indexer.sources.ignores import Ignores, around
from pgdex.indexer.sources.leaving_out import BuiltIn, LeftOut, cause_of, is_brought_back
from pgdex.indexer.sources.links import link_detail
from pgdex.indexer.sources.paths import LARGEST_TIME_NS, MAX_PATH_BYTES, SMALLEST_TIME_NS, display_path
from pgdex.indexer.sources.pruning import marker_of
from pgdex.indexer.sources.roots import OpenedRoot, RootUnavailable
from pgdex.indexer.sources.secrets import may_be_secret
from pgdex.indexer.sources.skips import OUR_OWN_FAULT, SkipReason, Verdict, reason_for, system_message
from pgdex.indexer.sources.unread import skipped_unread
from pgdex.indexer.sources.witness import WitnessNotes

DEFAULT_MAX_FILE_BYTES = 1 << 20

# ELOOP: now a symbolic link. Not ESTALE: a network file system says it also of what is there again a moment later.
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)

# A network file system takes a millisecond for each entry: a large folder is told of again after that many.
_ENTRIES_A_WORD = 1_000


class WalkAborted(Exception):
    """The caller's `aborted` said yes; what was listed until then is not the whole tree."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that the walk saw, unread; or a folder that it did not enter, with the reason.

    `path` is relative to the root, with '/', in valid UTF-8. Where the name on disk is not, or is
    too long, it starts with './', which no other path does, and is escaped or cut. `size` and
    `mtime_ns` are 0 for folders and where they are not known. A time that 64 bits of nanoseconds
    don't hold is given as the nearest one that they do. `blob_id` is git's id of the content, where git listed it.
    """

    path: str
    size: int
    mtime_ns: int
    skip_reason: SkipReason | None
    detail: str | None
    blob_id: bytes | None = None


def walk(
    root: Path | OpenedRoot,
    *,
    max_file_bytes: int = DEFAULT_MAX_FILE_BYTES,
    aborted: Callable[[], bool] = lambda: False,
    entering: Callable[[bytes], object] = lambda path: None,
    notes: WitnessNotes | None = None,
    heeds_git: bool = True,
    left_out: LeftOut | None = None,
) -> Iterator[FoundFile]:
    """List the files below `root` that no rule leaves out, in the byte order of their paths.

    That is PostgreSQL's order under COLLATE "C" (save for paths that start with './'). One
    folder's names at a time are in memory, and those of the folders above it. `aborted` is asked
    once per folder and per file. `entering` is told of each folder before it is listed, and again
    while a large one is: a file system that hangs does so there. `notes` takes what other workers
    will know the tree by. Without `heeds_git` the rules of .gitignore and .git/info/exclude don't
    count. `left_out` counts what rules leave out.

    A root given as a path is opened here and closed at the end of the walk; an OpenedRoot (opened
    with `for_listing`) stays open. Raises ValueError for a limit below 1, RootUnavailable when the
    root can't be listed, or is removed or replaced meanwhile, WalkAborted, and OSError when this
    process runs out of file descriptors or memory.
    """
    if max_file_bytes < 1:
        raise ValueError(f"max_file_bytes must be positive, got {max_file_bytes}")
    opened = root if isinstance(root, OpenedRoot) else OpenedRoot(root, for_listing=True)
    try:
        walker = _Walker(
            opened,
            max_file_bytes=max_file_bytes,
            aborted=aborted,
            entering=entering,
            notes=notes or WitnessNotes(),
            heeds_git=heeds_git,
            left_out=LeftOut() if left_out is None else left_out,
        )
        files = walker.files(walker.enter_root())
    except BaseException:
        if opened is not root:
            opened.close()
        raise
    return files if opened is root else _closing(files, opened)


def _closing(files: Iterator[FoundFile], root: OpenedRoot) -> Iterator[FoundFile]:
    with root:
        yield from files


class _Entry(NamedTuple):  # a tuple: cheaper to make and to sort than a dataclass
    """What listing a folder says of one file or folder in it."""

    name: bytes  # a folder's ends with '/', which sorts it as its files' full paths sort
    mode: int
    size: int
    mtime_ns: int
    error: OSError | None = None


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder that is being walked."""

    prefix: bytes  # its path below the root, with a slash at the end; the root's is empty
    ignores: Ignores
    entries: Iterator[_Entry]


class _Walker:
    def __init__(
        self,
        root: OpenedRoot,
        *,
        max_file_bytes: int,
        aborted: Callable[[], bool],
        entering: Callable[[bytes], object],
        notes: WitnessNotes,
        heeds_git: bool,
        left_out: LeftOut,
    ) -> None:
        self._root = root
        self._left_out = left_out
        self._max_file_bytes = max_file_bytes
        self._aborted = aborted
        self._entering = entering
        self._notes = notes
        self._outer, self._outer_ignores = around(root.real_path, heeds_git=heeds_git)

    def enter_root(self) -> _Folder:
        try:
            inside = self._list(b"", self._outer_ignores)
        except OSError as error:
            message = f"{self._root.path} cannot be listed: {system_message(error)}"
            raise RootUnavailable(message) from error
        assert isinstance(inside, _Folder), "no marker counts for the root"
        return inside

    def files(self, root: _Folder) -> Iterator[FoundFile]:
        stack = [root]
        while stack:
            folder = stack[-1]
            entry = next(folder.entries, None)
            if entry is None:
                stack.pop()
                continue
            if self._aborted():
                raise WalkAborted(f"the listing of {self._root.path} was stopped")
            path = folder.prefix + entry.name
            if not entry.name.endswith(b"/"):
                if (found := self._found(path, entry, folder.ignores)) is not None:
                    yield found
                continue
            inside = self._enter(path, folder.ignores)
            if isinstance(inside, _Folder):
                stack.append(inside)
            elif inside is not None:
                yield inside
        self._require_same_root()

    def _enter(self, prefix: bytes, ignores: Ignores) -> _Folder | FoundFile | None:
        """Return the folder; or one row that says why it is not entered; or None, for no row."""
        path = prefix[:-1]
        if len(path) > MAX_PATH_BYTES:
            return _unread(path, SkipReason.NAME_TOO_LONG, "a folder, with all that is in it")
        try:
            return self._list(prefix, ignores)
        except OSError as error:
            if error.errno in OUR_OWN_FAULT:
                raise
            if error.errno in _GONE:
                self._require_same_root()
                return None
            detail = f"a folder, with all that is in it: {system_message(error)}"
            return _unread(path, reason_for(error), detail)

    def _list(self, prefix: bytes, ignores: Ignores) -> _Folder | FoundFile | None:
        path = prefix[:-1]
        self._entering(path)
        with self._root.listing(path) as (descriptor, listing):
            listed = {os.fsencode(entry.name): entry for entry in listing}
            if (
                prefix
                and (marker := marker_of(path, listed)) is not None
                and not is_brought_back(self._outer + path, ignores, is_folder=True)
            ):
                if marker.skip_detail is None:
                    self._left_out.add(BuiltIn(marker.entry))
                    return None
                return _unread(path, SkipReason.VENDORED, marker.skip_detail)
            cut = len(self._outer) + len(prefix)
            location = self._root.location(path, descriptor)
            known_as = os.path.join(self._root.real_path, path)
            ignores = ignores.entering(
                location, cut=cut, names=listed, is_root=not prefix, descriptor=descriptor, known_as=known_as
            )
            above = self._outer + prefix
            entries = []
            while listed:  # frees each DirEntry and the status in it: 300 bytes a file at the peak, not 1,000
                name, entry = listed.popitem()
                cause = cause_of(above + name, ignores, is_folder=_is_folder(entry), is_link=_is_link(entry))
                if cause is None:
                    entries.append(_entry(name, entry))
                    if len(entries) % _ENTRIES_A_WORD == 0:
                        self._entering(path)
                else:
                    self._left_out.add(cause)
            if path:
                self._notes.folder(path, os.fstat(descriptor).st_dev if descriptor is not None else 0)
        entries.sort()
        if not path:
            self._notes.root(self._root, [entry.name for entry in entries])
        return _Folder(prefix, ignores, iter(entries))

    def _found(self, path: bytes, entry: _Entry, ignores: Ignores) -> FoundFile | None:
        if entry.error is not None and entry.error.errno in _GONE:
            self._require_same_root()
            return None
        text, reason, detail = display_path(path)
        if reason is None:
            reason, detail = self._skip(path, entry, ignores)
        # No time is that of the index, so that a file whose content has to be judged by the rules of today is read.
        mtime_ns = 0 if reason is None and may_be_secret(text.rpartition("/")[2]) else entry.mtime_ns
        return FoundFile(text, entry.size, mtime_ns, reason, detail)

    def _skip(self, path: bytes, entry: _Entry, ignores: Ignores) -> Verdict | tuple[None, None]:
        if entry.error is not None:
            return reason_for(entry.error), system_message(entry.error)
        if stat.S_ISLNK(entry.mode):
            return SkipReason.SYMLINK, link_detail(self._root, path)
        if not stat.S_ISREG(entry.mode):
            return SkipReason.SPECIAL, _KINDS.get(stat.S_IFMT(entry.mode))
        verdict = skipped_unread(
            path,
            entry.size,
            self._max_file_bytes,
            is_wanted=lambda: is_brought_back(self._outer + path, ignores),
        )
        return verdict or (None, None)

    def _require_same_root(self) -> None:
        """Raise RootUnavailable if what is missing may be missing because the root is."""
        self._root.require_same("listed")


_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a character device",
    stat.S_IFBLK: "a block device",
}


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:  # a file system that does not tell the kind with the name
        return False


def _is_link(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_symlink()
    except OSError:
        return False


def _entry(name: bytes, entry: os.DirEntry[str]) -> _Entry:
    if _is_folder(entry):
        return _Entry(name + b"/", 0, 0, 0)
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError as error:
        return _Entry(name, 0, 0, 0, error)
    mtime_ns = min(max(status.st_mtime_ns, SMALLEST_TIME_NS), LARGEST_TIME_NS)
    return _Entry(name, status.st_mode, status.st_size, mtime_ns)


def _unread(path: bytes, reason: SkipReason, detail: str) -> FoundFile:
    text, name_reason, name_detail = display_path(path)
    return FoundFile(text, 0, 0, name_reason or reason, name_detail or detail)
