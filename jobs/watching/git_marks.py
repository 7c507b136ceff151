"""The files in git's own folder that say that a checkout happened, or which files count."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from pgdex.indexer.sources import IGNORE_FILES, GitTree

LARGEST_POINTER_BYTES = 4_096  # of a file that names a folder: one path


@dataclass(frozen=True, slots=True)
class GitMarks:
    """Absolute paths. `checkout`: written by every checkout, merge and reset; `rules`: info/exclude, and the ignore
    files of folders above, up to the top of the repository."""

    checkout: frozenset[bytes] = frozenset()
    rules: frozenset[bytes] = frozenset()

    @property
    def folders(self) -> set[bytes]:
        """The folders that these files lie in."""
        return {os.path.dirname(path) for path in self.checkout | self.rules}


def git_marks(root: bytes) -> GitMarks:
    """Those of the repository that `root`, an absolute path, is or lies in; none where there is none. A linked worktree
    has an index of its own, and shares info/exclude with the others."""
    top = root
    above = []
    while (own := _git_folder(top)) is None:
        parent = os.path.dirname(top)
        if parent == top:
            return GitMarks()
        top = parent
        above += [os.path.join(top, name) for name in IGNORE_FILES]
    shared = os.path.normpath(os.path.join(own, _content(os.path.join(own, b"commondir")) or b"."))
    return GitMarks(
        frozenset({os.path.join(own, b"index"), os.path.join(own, b"HEAD")}),
        frozenset({os.path.join(shared, b"info", b"exclude"), *above}),
    )


@dataclass(frozen=True, slots=True)
class CheckedOut:
    """What git has checked out: the paths that it tracks, in byte order, and of which commit and branch. `git status`
    writes the index anew and changes none of them."""

    paths: Sequence[bytes] = ()
    branch: str | None = None
    commit: str | None = None


def checked_out(root: bytes) -> CheckedOut:
    """That of the repository that `root`, an absolute path, is or lies in, below `root`; nothing where there is none.
    9 ms for 11,000 files."""
    tree = GitTree.at(root)
    return CheckedOut() if tree is None else CheckedOut(tree.index().paths(), tree.branch, tree.commit)


def _git_folder(top: bytes) -> bytes | None:
    named = os.path.join(top, b".git")
    if os.path.isdir(named):
        folder = named
    else:
        content = _content(named)
        if not content.startswith(b"gitdir: "):
            return None
        folder = os.path.normpath(os.path.join(top, content.removeprefix(b"gitdir: ")))
    return folder if os.path.lexists(os.path.join(folder, b"HEAD")) else None


def _content(path: bytes) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(LARGEST_POINTER_BYTES).rstrip(b"\r\n")
    except OSError:
        return b""
