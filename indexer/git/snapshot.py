"""One commit of a mirror as a source: its files listed and read, without a working tree."""

import os
from collections.abc import Callable, Container, Iterator
from types import TracebackType
from typing import Final, Self, TypeVar

from pgdex.indexer.git.blobs import Blobs, ObjectMissing, TooLarge
from pgdex.indexer.git.errors import MirrorDamaged
from pgdex.indexer.git.piped import PipeEnded
from pgdex.indexer.git.program import Git
from pgdex.indexer.git.running import PATIENT, Limits
from pgdex.indexer.git.submodules import Submodule, address, addresses
from pgdex.indexer.git.tree_listing import Entry, TreeListing, TreeNotes, entries, notes_of
from pgdex.indexer.git.urls import GitUrl
from pgdex.indexer.sources import (
    DEFAULT_MAX_FILE_BYTES,
    FoundFile,
    LeftOut,
    Skipped,
    SkipReason,
    SourceDocument,
    SourceText,
    Unchanged,
)
from pgdex.indexer.sources.content import UNKNOWN, judge
from pgdex.indexer.sources.ignores import OWN_IGNORE, Ignores
from pgdex.indexer.sources.leaving_out import is_brought_back
from pgdex.indexer.sources.paths import display_path
from pgdex.indexer.sources.roots import HAS_NAMES_OF_DESCRIPTORS
from pgdex.indexer.sources.unread import oversized, size_limit

_Result = TypeVar("_Result")

# An ignore file, .gitmodules, the target of a link. A larger ignore file counts up to half of that in a walk.
MAX_SMALL_BYTES: Final = 1 << 20


class GitSnapshot:
    """The files of `commit` in the bare repository `folder`. For one thread; close it, or use it as a context manager.

    Paths are those of a walk: relative to the top, with '/'. `repair` brings the objects again where some are missing,
    and gives the folder where they are; it is called once. `aborted` is asked while git is waited for.
    """

    def __init__(
        self,
        git: Git,
        folder: str,
        commit: str,
        *,
        limits: Limits = PATIENT,
        aborted: Callable[[], bool] = lambda: False,
        repair: Callable[[], str] | None = None,
    ) -> None:
        self.commit = commit
        self._git = git
        self._is_closed = False
        self._descriptor = -1
        self._folder = folder
        self._place = self._held_open()
        self._limits = limits
        self._aborted = aborted
        self._repair = repair
        self._kept_notes: TreeNotes | None = None
        self._blobs = self._opened()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the processes; nothing can be read afterwards."""
        self._blobs.close()
        self._is_closed = True
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def listing(
        self,
        *,
        max_file_bytes: int = DEFAULT_MAX_FILE_BYTES,
        aborted: Callable[[], bool] = lambda: False,
        left_out: LeftOut | None = None,
    ) -> Iterator[FoundFile]:
        """List the files that no rule leaves out, in the byte order of their paths, as a walk would: the same built-in
        rules, .pgdexignore files of the commit, and the same reasons. What git tracks is wanted, so .gitignore files
        don't count.

        `mtime_ns` is 0; `blob_id` is the id of the content, 20 or 32 bytes. A submodule is one row with its reason.
        Raises ValueError for a limit below 1, GitAborted, GitTimedOut and MirrorDamaged.
        """
        if max_file_bytes < 1:
            raise ValueError(f"max_file_bytes must be positive, got {max_file_bytes}")
        listing = TreeListing(
            self._notes(aborted),
            max_file_bytes=max_file_bytes,
            content=self._small,
            left_out=LeftOut() if left_out is None else left_out,
        )
        try:
            for entry in self._entries(aborted):
                yield from listing.found(entry)
        except PipeEnded as ended:
            raise self._damaged(str(ended)) from ended

    def read(
        self, path: str, blob_id: bytes, *, max_file_bytes: int, known_hashes: Container[bytes] = ()
    ) -> SourceText | SourceDocument | Skipped | Unchanged:
        """Read the file at `path`, whose content is `blob_id`, both as `listing` gives them.

        The answer is that of `read_source` for a file with this content; its `mtime_ns` is None, since the blob's id
        says all that a time could. Content with one of `known_hashes` is Unchanged. Raises ValueError for a limit below
        1, GitAborted, GitTimedOut and MirrorDamaged.
        """
        if max_file_bytes < 1:
            raise ValueError(f"max_file_bytes must be positive, got {max_file_bytes}")
        limit = size_limit(path.rpartition("/")[2], max_file_bytes)
        data = self._blob(blob_id.hex().encode(), limit)
        if isinstance(data, TooLarge):
            return Skipped(SkipReason.OVERSIZED, oversized(data.size, limit), data.size, None, None)
        return judge(
            data,
            path=path,
            stamp=UNKNOWN,
            max_file_bytes=max_file_bytes,
            known_hashes=known_hashes,
            blob_id=blob_id,
            is_wanted=lambda: self._is_wanted(path.encode()),
        )

    def blob_id(self, path: str) -> bytes | None:
        """Return the id of the content of the file at `path`; None where the commit has no file there. Takes a process,
        so about 4 ms."""
        return self._healed(lambda: self._found(path.encode()))

    def submodules(self, parent: GitUrl | None = None) -> list[Submodule]:
        """Return the repositories that this commit names; `parent` is what their relative URLs are relative to."""
        notes = self._notes()
        if not notes.submodules:
            return []
        named = addresses(b"" if notes.gitmodules is None else self._small(notes.gitmodules))
        return [
            Submodule(display_path(path)[0], commit, *address(named.get(path), parent))
            for path, commit in notes.submodules.items()
        ]

    def _notes(self, aborted: Callable[[], bool] = lambda: False) -> TreeNotes:
        """Go through the whole tree once, with the size of each file: an object that is missing shows here, before
        anything was listed."""
        return self._healed(lambda: notes_of(self._entries(aborted)))

    def _known_notes(self) -> TreeNotes:
        if self._kept_notes is None:
            self._kept_notes = self._notes()
        return self._kept_notes

    def _entries(self, aborted: Callable[[], bool], *paths: bytes) -> Iterator[Entry]:
        return entries(
            self._git,
            self._place,
            self.commit,
            *paths,
            limits=self._limits,
            aborted=lambda: aborted() or self._aborted(),
        )

    def _healed(self, do: Callable[[], _Result]) -> _Result:
        """Do it; where objects are missing, have them brought and do it again."""
        if self._is_closed:
            raise ValueError("the snapshot is closed")
        try:
            return do()
        except (PipeEnded, ObjectMissing) as missing:
            repair, self._repair = self._repair, None
            if repair is None:
                raise self._damaged(str(missing)) from missing
            self._blobs.close()
            self._folder = repair()
            self._place = self._held_open()
            self._blobs = self._opened()
        try:
            return do()
        except (PipeEnded, ObjectMissing) as missing:
            raise self._damaged(str(missing)) from missing

    def _held_open(self) -> str:
        """A path of the mirror that leads there also after it was put aside, where the system has such paths; elsewhere
        its objects are missing then, and brought again."""
        if not HAS_NAMES_OF_DESCRIPTORS:
            return self._folder
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        return f"/proc/self/fd/{self._descriptor}"

    def _opened(self) -> Blobs:
        return Blobs(self._git, self._place, limits=self._limits, aborted=self._aborted)

    def _damaged(self, said: str) -> MirrorDamaged:
        return MirrorDamaged(
            f"objects of the commit {self.commit} are missing or broken in the mirror {self._folder}, or in the "
            f"repository that it comes from{f' (git: {said})' if said else ''}"
        )

    def _blob(self, name: bytes, limit: int) -> bytes | TooLarge:
        return self._healed(lambda: self._blobs.read(name, limit))

    def _found(self, path: bytes) -> bytes | None:
        for entry in self._entries(lambda: False, path):
            if entry.path == path and entry.is_file:
                return bytes.fromhex(entry.blob.decode())
        return None

    def _small(self, name: bytes) -> bytes:
        """The content of a file that is small if it is what it should be; nothing of any other."""
        data = self._blob(name, MAX_SMALL_BYTES)
        return data if isinstance(data, bytes) else b""

    def _is_wanted(self, path: bytes) -> bool:
        """As `leaving_out.is_wanted`, by the .pgdexignore files of the commit."""
        ignores = Ignores(heeds_git=False)
        folder = b""
        for name in path.split(b"/"):
            if (rules := self._known_notes().ignoring.get(folder)) is not None:
                ignores = ignores.with_own(self._small(rules), cut=len(folder), file=folder + OWN_IGNORE)
            folder += name + b"/"
        return is_brought_back(path, ignores)
