"""The tree of a commit, entry by entry, and what the rules of a walk make of it."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from pgdex.indexer.git.errors import GitFailed
from pgdex.indexer.git.piped import PipedGit, PipeEnded
from pgdex.indexer.git.program import Git
from pgdex.indexer.git.running import Limits
from pgdex.indexer.git.submodules import addresses, shown
from pgdex.indexer.sources.ignores import OWN_IGNORE, Ignores
from pgdex.indexer.sources.leaving_out import BuiltIn, Cause, LeftOut, cause_of, is_brought_back
from pgdex.indexer.sources.paths import MAX_PATH_BYTES, display_path, escaped, inside
from pgdex.indexer.sources.pruning import MARKERS, Marker, marker_of
from pgdex.indexer.sources.skips import SkipReason, Verdict
from pgdex.indexer.sources.unread import skipped_unread
from pgdex.indexer.sources.walking import FoundFile

_LINK: Final = b"120000"
_SUBMODULE: Final = b"160000"
_GITMODULES: Final = b".gitmodules"
# No person's name for a file; whoever writes such a tree hopes that somebody takes it for a path.
_NO_NAMES: Final = (b"", b".", b"..")
# A few small trees that name each other many times over are a listing of billions.
MOST_ENTRIES: Final = 5_000_000

_MARKER_ENTRIES: Final = frozenset(marker.entry for marker in MARKERS)


class Entry(NamedTuple):
    """What git tells of a file, a link or a submodule."""

    mode: bytes
    blob: bytes  # in hexadecimal; a submodule's commit
    size: int
    path: bytes

    @property
    def is_file(self) -> bool:
        """Whether it is neither a link nor a submodule."""
        return self.mode not in (_LINK, _SUBMODULE)


def entries(
    git: Git, folder: str, commit: str, *paths: bytes, limits: Limits, aborted: Callable[[], bool]
) -> Iterator[Entry]:
    """Give all entries of the commit's tree, or those at `paths`, in the byte order of their paths.

    Raises PipeEnded where an object is missing, GitFailed for a malformed tree and for one without end, GitAborted and
    GitTimedOut.
    """
    arguments = ["ls-tree", "-r", "-z", "-l", "--full-tree", commit, "--", *map(os.fsdecode, paths)]
    with PipedGit(git, arguments, folder=folder, limits=limits, aborted=aborted) as process:
        before = b""
        for number, record in enumerate(process.records()):
            about, _, path = record.partition(b"\t")
            mode, kind, blob, size = about.split()
            if path <= before:
                raise GitFailed(f"the tree of the commit {commit} is malformed: its entries are not in order")
            if number >= MOST_ENTRIES:
                raise GitFailed(f"the commit {commit} has more than {MOST_ENTRIES:,} files; nothing of it is indexed")
            before = path
            if size.isdigit():
                yield Entry(mode, blob, int(size), path)
            elif kind == b"commit":
                yield Entry(mode, blob, 0, path)
            else:
                raise PipeEnded(f"the object {blob.decode()} is missing")


@dataclass(slots=True)
class TreeNotes:
    """What has to be known of a tree before its first file is listed: the markers in folders, the id of each
    folder's .pgdexignore and of .gitmodules, and the commits of submodules by path."""

    markers: dict[bytes, set[bytes]] = field(default_factory=dict)
    ignoring: dict[bytes, bytes] = field(default_factory=dict)
    submodules: dict[bytes, str] = field(default_factory=dict)
    gitmodules: bytes | None = None


def notes_of(tree: Iterable[Entry]) -> TreeNotes:
    """Go through a tree; folders are named with a slash at the end, the top is empty."""
    notes = TreeNotes()
    for entry in tree:
        mode, blob, _, path = entry
        names = path.split(b"/")
        if not _MARKER_ENTRIES.isdisjoint(names):
            for number, name in enumerate(names):
                if name in _MARKER_ENTRIES:
                    notes.markers.setdefault(b"".join(above + b"/" for above in names[:number]), set()).add(name)
        if names[-1] == OWN_IGNORE and entry.is_file:
            notes.ignoring[path[: -len(OWN_IGNORE)]] = blob
        if path == _GITMODULES and entry.is_file:
            notes.gitmodules = blob
        if mode == _SUBMODULE:
            notes.submodules[path] = blob.decode()
    return notes


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder that the listing is in. `left_out`: nothing below it is listed."""

    prefix: bytes
    ignores: Ignores
    left_out: bool = False


class TreeListing:
    """Takes a tree's entries in their order, and makes of each the rows that a walk would give.

    `content` gives a small file by its id.
    """

    def __init__(
        self, notes: TreeNotes, *, max_file_bytes: int, content: Callable[[bytes], bytes], left_out: LeftOut
    ) -> None:
        self._notes = notes
        self._max_file_bytes = max_file_bytes
        self._content = content
        self._left_out = left_out
        self._stack = [self._entered(b"", Ignores(heeds_git=False))]
        self._addresses = addresses(content(notes.gitmodules)) if notes.submodules and notes.gitmodules else {}

    def found(self, entry: Entry) -> Iterator[FoundFile]:
        """Give the rows for this entry, and for folders that begin with it and are not entered."""
        stack = self._stack
        path = entry.path
        prefix = path[: path.rfind(b"/") + 1]
        while not prefix.startswith(stack[-1].prefix):
            stack.pop()
        while not stack[-1].left_out and stack[-1].prefix != prefix:
            around = stack[-1]
            end = prefix.index(b"/", len(around.prefix)) + 1
            folder, row = self._enter(prefix[:end], around.ignores)
            stack.append(folder)
            if row is not None:
                yield row
        if stack[-1].left_out:
            return
        ignores = stack[-1].ignores
        cause = _cause_of(path, ignores, is_folder=entry.mode == _SUBMODULE, is_link=entry.mode == _LINK)
        if cause is None:
            yield self._row(entry, ignores)
        else:
            self._left_out.add(cause)

    def _enter(self, prefix: bytes, ignores: Ignores) -> tuple[_Folder, FoundFile | None]:
        path = prefix[:-1]
        cause = _cause_of(path, ignores, is_folder=True)
        row = None
        if cause is None and len(path) > MAX_PATH_BYTES:
            row = _unread(path, SkipReason.NAME_TOO_LONG, "a folder, with all that is in it")
        elif cause is None and (marker := self._marker(path, prefix, ignores)) is not None:
            if marker.skip_detail is None:
                cause = BuiltIn(marker.entry)
            else:
                row = _unread(path, SkipReason.VENDORED, marker.skip_detail)
        if cause is not None:
            self._left_out.add(cause)
        if cause is not None or row is not None:
            return _Folder(prefix, ignores, left_out=True), row
        return self._entered(prefix, ignores), None

    def _marker(self, path: bytes, prefix: bytes, ignores: Ignores) -> Marker | None:
        marker = marker_of(path, self._notes.markers.get(prefix, ()))
        return None if marker is None or is_brought_back(path, ignores, is_folder=True) else marker

    def _entered(self, prefix: bytes, ignores: Ignores) -> _Folder:
        if (rules := self._notes.ignoring.get(prefix)) is not None:
            ignores = ignores.with_own(self._content(rules), cut=len(prefix), file=prefix + OWN_IGNORE)
        return _Folder(prefix, ignores)

    def _row(self, entry: Entry, ignores: Ignores) -> FoundFile:
        text, reason, detail = display_path(entry.path)
        if reason is None:
            reason, detail = self._skip(entry, ignores) or (None, None)
        blob_id = None if entry.mode == _SUBMODULE else bytes.fromhex(entry.blob.decode())
        return FoundFile(text, entry.size, 0, reason, detail, blob_id=blob_id)

    def _skip(self, entry: Entry, ignores: Ignores) -> Verdict | None:
        if entry.mode == _LINK:
            return SkipReason.SYMLINK, self._link_detail(entry)
        if entry.mode == _SUBMODULE:
            place = shown(self._addresses.get(entry.path))
            return SkipReason.SUBMODULE, f"{place} at the commit {entry.blob.decode()}"
        return skipped_unread(
            entry.path, entry.size, self._max_file_bytes, is_wanted=lambda: is_brought_back(entry.path, ignores)
        )

    def _link_detail(self, entry: Entry) -> str:
        target = self._content(entry.blob)
        if not target:
            return "a link that could not be read"
        if inside(b"/tree", entry.path, target) is None:
            return f"a link to {escaped(target)}, outside the tree"
        return f"a link to {escaped(target)}, inside the tree"


def _cause_of(path: bytes, ignores: Ignores, *, is_folder: bool, is_link: bool = False) -> Cause | None:
    name = path.rpartition(b"/")[2]
    return BuiltIn(name) if name in _NO_NAMES else cause_of(path, ignores, is_folder=is_folder, is_link=is_link)


def _unread(path: bytes, reason: SkipReason, detail: str) -> FoundFile:
    text, name_reason, name_detail = display_path(path)
    return FoundFile(text, 0, 0, name_reason or reason, name_detail or detail)
