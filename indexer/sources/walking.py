"""Listing a tree: which files there are below a folder, without reading any."""

import errno
import os
import stat
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pgdex.indexer.sources.git import NO_INDEX, GitTree
from pgdex.indexer.sources.git.finding import GIT_DIRECTORY
from pgdex.indexer.sources.ignores import Decision, Ignores, around
from pgdex.indexer.sources.leaving_out import (
    LINKED_WORKTREE,
    BuiltIn,
    LeftOut,
    cause_of,
    is_brought_back,
    is_tracked,
)
from pgdex.indexer.sources.links import link_detail
from pgdex.indexer.sources.paths import MAX_PATH_BYTES, display_path, stamp_of
from pgdex.indexer.sources.pruning import marker_of
from pgdex.indexer.sources.roots import OpenedRoot, RootUnavailable
from pgdex.indexer.sources.secrets import may_be_secret
from pgdex.indexer.sources.skips import OUR_OWN_FAULT, SkipReason, Verdict, reason_for, system_message
from pgdex.indexer.sources.unread import skipped_unread
from pgdex.indexer.sources.wanted import Wanted
from pgdex.indexer.sources.witness import WitnessNotes

DEFAULT_MAX_FILE_BYTES = 1 << 20

# ELOOP: now a symbolic link. Not ESTALE: a network file system says it also of what is there again a moment later.
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)

# A network file system takes a millisecond for each entry: a large folder is told of again after that many.
_ENTRIES_A_WORD = 1_000


class WalkAborted(Exception):
    """The caller's `aborted` said yes; what was listed until then is not the whole tree."""


class FoundFile(NamedTuple):  # a tuple: a frozen dataclass of 8 fields takes 0.5 µs more to make
    """A file that the walk saw, unread; or a folder that it did not enter, with the reason.

    `path` is relative to the root, with '/', in valid UTF-8. Where the name on disk is not, or is
    too long, it starts with './', which no other path does, and is escaped or cut. `size`,
    `mtime_ns`, `ctime_ns` and `inode` are 0 for folders and where they are not known. A time that
    64 bits of nanoseconds don't hold is given as the nearest one that they do; of an inode number
    there are the low 64 bits, signed. `blob_id` is `GitIndex.clean_blob_id` of a file that is to
    be read, 20 or 32 bytes.
    """

    path: str
    size: int
    mtime_ns: int
    skip_reason: SkipReason | None
    detail: str | None
    ctime_ns: int = 0
    inode: int = 0
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
    git: GitTree | None = None,
    only: Collection[str] | None = None,
    blob_ids: bool = True,
) -> Iterator[FoundFile]:
    """List the files below `root` that no rule leaves out, in the byte order of their paths.

    That is PostgreSQL's order under COLLATE "C" (save for paths that start with './'). One
    folder's names at a time are in memory, and those of the folders above it. `aborted` is asked
    once per folder and per file. `entering` is told of each folder before it is listed, and again
    while a large one is: a file system that hangs does so there. `notes` takes what other workers
    will know the tree by. Without `heeds_git` the rules of .gitignore, .git/info/exclude and the
    user's excludes don't count. `left_out` counts what rules leave out. `git` is what
    `GitTree.of` says of the root, for those who have it already. `only` (paths below the root, each of a
    file, or of a folder with all that is in it) leaves everything else unlisted and uncounted; what
    is listed is what the whole walk would say of it. Without `blob_ids` they are None, and git's index is read only
    where a rule of git's leaves something out.

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
            git=git or GitTree.of(opened),
            wanted=None if only is None else Wanted.of(only),
            blob_ids=blob_ids,
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
    ctime_ns: int
    inode: int
    error: OSError | None = None


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder that is being walked."""

    prefix: bytes  # its path below the root, with a slash at the end; the root's is empty
    ignores: Ignores
    entries: Iterator[_Entry]
    left_out: dict[bytes, Decision]  # folders in it that are entered for their tracked files only, and why


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
        git: GitTree | None,
        wanted: Wanted | None,
        blob_ids: bool,
    ) -> None:
        self._root = root
        self._wanted = wanted
        self._git = git
        self._blob_ids = NO_INDEX if git is None or not blob_ids else git.index()
        self._left_out = left_out
        self._max_file_bytes = max_file_bytes
        self._aborted = aborted
        self._entering = entering
        self._notes = notes
        self._outer, self._outer_ignores = around(root.real_path, heeds_git=heeds_git)

    def enter_root(self) -> _Folder:
        try:
            inside = self._list(b"", self._outer_ignores, None)
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
            inside = self._enter(path, folder.ignores, folder.left_out.get(entry.name))
            if isinstance(inside, _Folder):
                stack.append(inside)
            elif inside is not None:
                yield inside
        self._require_same_root()

    def _enter(self, prefix: bytes, ignores: Ignores, within: Decision | None) -> _Folder | FoundFile | None:
        """Return the folder; or one row that says why it is not entered; or None, for no row."""
        path = prefix[:-1]
        if len(path) > MAX_PATH_BYTES:
            return _unread(path, SkipReason.NAME_TOO_LONG, "a folder, with all that is in it")
        try:
            return self._list(prefix, ignores, within)
        except OSError as error:
            if error.errno in OUR_OWN_FAULT:
                raise
            if error.errno in _GONE:
                self._require_same_root()
                return None
            detail = f"a folder, with all that is in it: {system_message(error)}"
            return _unread(path, reason_for(error), detail)

    def _list(self, prefix: bytes, ignores: Ignores, within: Decision | None) -> _Folder | FoundFile | None:
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
            if self._is_copy(path, ignores, listed.get(GIT_DIRECTORY), descriptor):
                self._left_out.add(LINKED_WORKTREE)
                return None
            cut = len(self._outer) + len(prefix)
            location = self._root.location(path, descriptor)
            known_as = os.path.join(self._root.real_path, path)
            ignores = ignores.entering(
                location, cut=cut, names=listed, is_root=not prefix, descriptor=descriptor, known_as=known_as
            )
            above = self._outer + prefix
            entries = []
            tracked_only = {}
            wanted = None if self._wanted is None else self._wanted.within(path)
            while listed:  # frees each DirEntry and the status in it: 300 bytes a file at the peak, not 1,000
                name, entry = listed.popitem()
                if wanted is not None and prefix + name not in wanted:
                    continue
                is_folder = _is_folder(entry)
                cause = cause_of(above + name, ignores, is_folder=is_folder, is_link=_is_link(entry), within=within)
                if isinstance(cause, Decision) and cause.is_gits and self._tracks(prefix + name, is_folder=is_folder):
                    if is_folder:
                        tracked_only[name + b"/"] = cause
                    cause = None
                if cause is None:
                    entries.append(_entry(name, entry, is_folder))
                    if len(entries) % _ENTRIES_A_WORD == 0:
                        self._entering(path)
                else:
                    self._left_out.add(cause)
            if path:
                self._notes.folder(path, os.fstat(descriptor).st_dev if descriptor is not None else 0)
        entries.sort()
        if not path:
            self._notes.root(self._root, [entry.name for entry in entries])
        return _Folder(prefix, ignores, iter(entries), tracked_only)

    def _tracks(self, path: bytes, *, is_folder: bool) -> bool:
        return self._git is not None and is_tracked(path, self._git.index(), is_folder=is_folder)

    def _is_copy(self, path: bytes, ignores: Ignores, git: os.DirEntry[str] | None, descriptor: int | None) -> bool:
        """Whether a folder, with this entry .git in it, is a linked worktree of the repository that is walked."""
        if self._git is None or git is None or not path or _is_folder(git):
            return False
        folder = os.path.join(self._root.real_path, path)
        return self._git.has_worktree_at(folder, descriptor=descriptor) and not is_brought_back(
            self._outer + path, ignores, is_folder=True
        )

    def _found(self, path: bytes, entry: _Entry, ignores: Ignores) -> FoundFile | None:
        if entry.error is not None and entry.error.errno in _GONE:
            self._require_same_root()
            return None
        text, reason, detail = display_path(path)
        if reason is None:
            reason, detail = self._skip(path, entry, ignores)
        # No time is that of the index, so that a file whose content has to be judged by the rules of today is read.
        if reason is not None:
            return FoundFile(text, entry.size, entry.mtime_ns, reason, detail, entry.ctime_ns, entry.inode)
        if may_be_secret(text.rpartition("/")[2]):
            return FoundFile(text, entry.size, 0, None, None)
        blob_id = self._blob_ids.clean_blob_id(
            path, size=entry.size, mtime_ns=entry.mtime_ns, ctime_ns=entry.ctime_ns, inode=entry.inode
        )
        return FoundFile(text, entry.size, entry.mtime_ns, None, None, entry.ctime_ns, entry.inode, blob_id)

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


def _entry(name: bytes, entry: os.DirEntry[str], is_folder: bool) -> _Entry:
    if is_folder:
        return _Entry(name + b"/", 0, 0, 0, 0, 0)
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError as error:
        return _Entry(name, 0, 0, 0, 0, 0, error)
    mtime_ns, ctime_ns, inode = stamp_of(status)
    return _Entry(
        name,
        status.st_mode,
        status.st_size,
        mtime_ns,
        ctime_ns,
        inode,
    )


def _unread(path: bytes, reason: SkipReason, detail: str) -> FoundFile:
    text, name_reason, name_detail = display_path(path)
    return FoundFile(text, 0, 0, name_reason or reason, name_detail or detail)
