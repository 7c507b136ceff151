"""Whether a change at one path of a tree is one that the walk would see, in microseconds.

The walk's decisions (`walking.py`) for single paths, with the rules of each folder kept. A watcher asks about every
event, and most events are of no interest: what a compiler writes, what a package manager unpacks.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from pgdex.indexer.sources.git import NO_INDEX, GitTree
from pgdex.indexer.sources.git.finding import GIT_DIRECTORY
from pgdex.indexer.sources.ignores import IGNORE_FILES, Decision, Ignores, around
from pgdex.indexer.sources.leaving_out import Cause, cause_of, is_brought_back, is_tracked
from pgdex.indexer.sources.paths import MAX_PATH_BYTES
from pgdex.indexer.sources.pruning import marker_of
from pgdex.indexer.sources.skips import SkipReason
from pgdex.indexer.sources.unread import skipped_unread


class Concern(Enum):
    """What a change at a path means for the index."""

    NOTHING = auto()
    FILE = auto()
    """The file came, went or changed, and is indexed, or was."""
    FOLDER = auto()
    """The folder came or went, with all that is in it."""
    EVERYTHING = auto()
    """Rules changed: any file may have come or gone."""


def decides_about_others(path: bytes) -> bool:
    """Whether a change at `path` may change what the walk says of other files: an ignore file, or what makes a folder
    one that is left out, a repository of its own, or a linked worktree."""
    parent, _, name = path.rpartition(b"/")
    if name in IGNORE_FILES:
        return True
    return bool(parent) and (name == GIT_DIRECTORY or marker_of(parent, (name,)) is not None)


@dataclass(frozen=True, slots=True)
class _Inside:
    """What holds in a folder that the walk enters; `within` is the rule of git's that leaves out all in it that git
    does not track."""

    ignores: Ignores
    within: Decision | None = None


class CachedRules:
    """The ignore rules of a tree and what git tracks in it, read folder by folder as they are asked for, and kept until
    a change of them is asked about; of git's index that is for the caller to say (`forget`). Not for several threads at
    once.

    Paths are bytes, relative to the root, with '/', and b"" for the root itself.
    """

    def __init__(self, root: Path, *, max_file_bytes: int, heeds_git: bool = True) -> None:
        self.real_root = os.path.realpath(os.fsencode(root))
        self._max_file_bytes = max_file_bytes
        self._heeds_git = heeds_git
        self._folders: dict[bytes, _Inside | None] = {}  # None: the walk does not enter it
        self._oversized: set[bytes] = set()
        self.forget()

    def forget(self) -> None:
        """Read all rules again when they are needed next, and which files git tracks."""
        self._outer, self._outer_ignores = around(self.real_root, heeds_git=self._heeds_git)
        self._git = GitTree.at(self.real_root)
        self._index = NO_INDEX if self._git is None else self._git.index()
        self._folders.clear()

    def concern(self, path: bytes) -> Concern:
        """What a change at `path` means, by the rules, and by what is there now."""
        parent = path.rpartition(b"/")[0]
        if not path or (rules := self._inside(parent)) is None:
            return Concern.NOTHING
        if decides_about_others(path):
            self.forget()
            return Concern.EVERYTHING
        was_folder = self._folders.get(path) is not None
        self._drop(path)
        if was_folder or self._inside(path) is not None:
            return Concern.FOLDER
        try:
            status = os.lstat(os.path.join(self.real_root, path))
        except OSError:
            return self._of_missing(path, rules)
        return self._of_present(path, status, rules)

    def entered(self, below: bytes = b"") -> Iterator[bytes]:
        """The folders that the walk enters, `below` and what is in it, a folder before those in it."""
        stack = [below]
        while stack:
            folder = stack.pop()
            if self._inside(folder) is None:
                continue
            yield folder
            prefix = folder and folder + b"/"
            try:
                with os.scandir(os.path.join(self.real_root, folder)) as listing:
                    stack += [prefix + entry.name for entry in listing if entry.is_dir(follow_symlinks=False)]
            except OSError:
                continue

    def _inside(self, folder: bytes) -> _Inside | None:
        """What holds inside `folder`; None where the walk does not enter it."""
        if folder in self._folders:
            return self._folders[folder]
        above = self._inside(folder.rpartition(b"/")[0]) if folder else _Inside(self._outer_ignores)
        location = os.path.join(self.real_root, folder)
        # Not kept: what lies below a folder that is left out may be a great deal, and what is no folder may become one.
        if above is None or (names := _names_in(location)) is None:
            return None
        cause, within = self._cause(folder, above, is_folder=True) if folder else (None, None)
        if cause is not None or self._is_left_out(folder, names, above.ignores):
            self._folders[folder] = None
        else:
            cut = len(self._outer) + (len(folder) + 1 if folder else 0)
            ignores = above.ignores.entering(location, cut=cut, names=names, is_root=not folder)
            self._folders[folder] = _Inside(ignores, within)
        return self._folders[folder]

    def _cause(
        self, path: bytes, around_it: _Inside, *, is_folder: bool, is_link: bool = False
    ) -> tuple[Cause | None, Decision | None]:
        """What leaves an entry out; or None, and the rule of git's that would if git tracked nothing of it."""
        cause = cause_of(
            self._outer + path, around_it.ignores, is_folder=is_folder, is_link=is_link, within=around_it.within
        )
        if isinstance(cause, Decision) and cause.is_gits and is_tracked(path, self._index, is_folder=is_folder):
            return None, cause
        return cause, None

    def _is_left_out(self, folder: bytes, names: set[bytes], above: Ignores) -> bool:
        """Whether a folder that no rule names is left out, by what it is."""
        if not folder:
            return False
        if len(folder) > MAX_PATH_BYTES:
            return True
        is_marked = marker_of(folder, names) is not None or (GIT_DIRECTORY in names and self._is_copy(folder))
        return is_marked and not is_brought_back(self._outer + folder, above, is_folder=True)

    def _is_copy(self, folder: bytes) -> bool:
        """Whether it is a linked worktree of the repository that is walked."""
        location = os.path.join(self.real_root, folder)
        return (
            self._git is not None
            and not os.path.isdir(os.path.join(location, GIT_DIRECTORY))
            and self._git.has_worktree_at(location, descriptor=None)
        )

    def _drop(self, folder: bytes) -> None:
        """Forget a folder and what is in it: it may be another one by now."""
        if folder in self._folders:
            prefix = folder + b"/"
            for known in [known for known in self._folders if known == folder or known.startswith(prefix)]:
                del self._folders[known]

    def _of_present(self, path: bytes, status: os.stat_result, rules: _Inside) -> Concern:
        is_link = stat.S_ISLNK(status.st_mode)
        if not is_link and not stat.S_ISREG(status.st_mode):
            return Concern.NOTHING
        if self._cause(path, rules, is_folder=False, is_link=is_link)[0] is not None:
            return Concern.NOTHING
        return self._of_file(path, 1 if is_link else status.st_size, rules.ignores)

    def _of_missing(self, path: bytes, rules: _Inside) -> Concern:
        """What is gone was a file, or a folder that nobody had asked about: it counts where either would."""
        if all(self._cause(path, rules, is_folder=is_folder)[0] is not None for is_folder in (False, True)):
            return Concern.NOTHING
        self._oversized.discard(path)
        return self._of_file(path, 1, rules.ignores)

    def _of_file(self, path: bytes, size: int, rules: Ignores) -> Concern:
        if len(path) > MAX_PATH_BYTES or not _is_utf8(path):
            return Concern.NOTHING
        verdict = skipped_unread(
            path,
            max(1, size),  # a file that is empty now may have been indexed
            self._max_file_bytes,
            is_wanted=lambda: is_brought_back(self._outer + path, rules),
        )
        # What this process lacks to read a document, the workers may have.
        if verdict is None or verdict[0] is SkipReason.EXTRA_MISSING:
            self._oversized.discard(path)
            return Concern.FILE
        if verdict[0] is SkipReason.OVERSIZED and path not in self._oversized:
            self._oversized.add(path)  # it may have been small enough before: counts once, not with each line of a log
            return Concern.FILE
        return Concern.NOTHING


def _names_in(folder: bytes) -> set[bytes] | None:
    """What is in a folder; None where there is none, or a link."""
    try:
        return set(os.listdir(folder)) if stat.S_ISDIR(os.lstat(folder).st_mode) else None
    except OSError:
        return None


def _is_utf8(path: bytes) -> bool:
    try:
        path.decode()
    except UnicodeDecodeError:
        return False
    return True
