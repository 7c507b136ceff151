"""Where the working tree around a folder begins, and which git directory it has."""

import os
from dataclasses import dataclass
from typing import Final

from pgdex.indexer.sources.git.reading import read_small

GIT_DIRECTORY: Final = b".git"
WORKTREES: Final = b"worktrees"
_POINTER_BYTES: Final = 1 << 13  # two paths of the length that Linux allows


@dataclass(frozen=True, slots=True)
class GitDirectory:
    """The git directory of one working tree, and the one that all worktrees of the repository share."""

    own: bytes
    common: bytes


def git_directory(folder: bytes) -> GitDirectory | None:
    """Return the git directory of a repository whose top is `folder`, or None.

    What is only named `.git` is no repository, for git either. Whether a git directory outside of the folder belongs to
    it is not asked here.
    """
    own = os.path.join(folder, GIT_DIRECTORY)
    if not os.path.isdir(own):
        target = pointed_to(folder, read_small(own, _POINTER_BYTES))
        if target is None:
            return None
        own = target
    if not os.path.lexists(os.path.join(own, b"HEAD")):
        return None
    common = os.path.join(own, _line(read_small(os.path.join(own, b"commondir"), _POINTER_BYTES)))
    return GitDirectory(own, common) if os.path.isdir(os.path.join(common, b"objects")) else None


def pointed_to(folder: bytes, content: bytes) -> bytes | None:
    """Return where a `.git` file in `folder` with this content leads; None: it is no such file."""
    if not content.startswith(b"gitdir: "):
        return None
    return os.path.join(folder, _line(content.removeprefix(b"gitdir: ")))


def top_of(root: bytes) -> bytes | None:
    """Return the top of the working tree that holds `root`, an absolute path without links; None: there is none."""
    top = root
    while git_directory(top) is None:
        parent = os.path.dirname(top)
        if parent == top:
            return None
        top = parent
    return top


def belongs_to(found: GitDirectory, top: bytes, worktree: bytes | None) -> bool:
    """Return whether a git directory that was found from `top` says itself that it is that folder's.

    One in its place is, unless its configuration names another working tree (`worktree`, core.worktree). One that a
    file or a link leads to must lead back, as those of linked worktrees and submodules do: a repository that somebody
    made up could name any other.
    """
    git = os.path.join(top, GIT_DIRECTORY)
    own, common = os.path.realpath(found.own), os.path.realpath(found.common)
    if own != common:
        back = os.path.join(own, _line(read_small(os.path.join(own, b"gitdir"), _POINTER_BYTES)))
        return os.path.dirname(own) == os.path.join(common, WORKTREES) and os.path.realpath(back) == git
    if worktree is not None:
        return b"\0" not in worktree and os.path.realpath(os.path.join(own, worktree)) == top
    return own == git


def is_trusted(found: GitDirectory, root: bytes) -> bool:
    """Return whether a git directory is the root's owner's, this process's user's, or the administrator's.

    A stranger who may write a folder somewhere above the root, such as /tmp, could put one there.
    """
    if not hasattr(os, "geteuid"):
        return True
    try:
        return os.stat(found.own).st_uid in (os.stat(root).st_uid, os.geteuid(), 0)
    except OSError:
        return False


def is_worktree_of(common: bytes, folder: bytes, above: int | None, path: bytes) -> bool:
    """Return whether `folder` is a linked worktree of the repository with this common git directory (a real path).

    Its `.git` file is read at `path`, which counts from the descriptor `above` where there is one.
    """
    target = pointed_to(folder, read_small(path, _POINTER_BYTES, above=above))
    if target is None:
        return False
    # The names decide and not what is there: what `git worktree prune` has forgotten is a copy all the same.
    return os.path.dirname(os.path.realpath(target)) == os.path.join(common, WORKTREES)


def _line(content: bytes) -> bytes:
    return content.rstrip(b"\r\n").partition(b"\0")[0]
