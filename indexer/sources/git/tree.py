"""What git says of the tree below a folder: which repository, which worktree, which branch, and its index."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, Self, cast

from pgdex.indexer.sources.git.config import MAX_CONFIG_BYTES, RepositoryConfig, repository_config
from pgdex.indexer.sources.git.finding import (
    GitDirectory,
    belongs_to,
    git_directory,
    is_trusted,
    is_worktree_of,
    top_of,
)
from pgdex.indexer.sources.git.index import GitIndex, read_index
from pgdex.indexer.sources.git.reading import read_open
from pgdex.indexer.sources.roots import OpenedRoot, RootUnavailable
from pgdex.indexer.sources.skips import OUR_OWN_FAULT

ObjectFormat = Literal["sha1", "sha256"]

_MAX_REF_BYTES: Final = 1 << 12
_MAX_PACKED_REFS_BYTES: Final = 64 << 20
_MOST_LINKS: Final = 5  # symbolic references in a row, as many as git follows
_BRANCHES: Final = b"refs/heads/"
_REF: Final = re.compile(rb"refs(?:/(?!\.)[^/\0-\x20\x7f~^:?*\[\\]+)+")
_OBJECT_ID: Final = re.compile(rb"[0-9a-f]{40}(?:[0-9a-f]{24})?")


@dataclass(frozen=True, slots=True)
class GitTree:
    """The working tree of git that holds a folder; `index` reads its index when it is first asked for.

    `common_dir` is the real path of the git directory that all worktrees of the repository share. `remote` is the
    address of `origin`, else of the only remote, as `normalised_remote` has it. `prefix` is the folder's path below the
    top of the working tree, without a slash at its end, and empty for the top. `branch` is without refs/heads/, and
    None where HEAD is detached. `commit` is the hexadecimal id of what is checked out, None before the first commit.
    Nothing of a reftable is read: there `branch` and `commit` are None.
    """

    common_dir: str
    git_dir: str
    remote: str | None
    prefix: str
    is_main_worktree: bool
    branch: str | None
    commit: str | None
    object_format: ObjectFormat
    _index: list[GitIndex] = field(default_factory=list, repr=False, compare=False)

    @classmethod
    def of(cls, root: OpenedRoot) -> Self | None:
        """Return the tree that holds `root`; None: it is in no working tree of git, or in one that is not relied on.

        A git directory elsewhere that does not lead back to the tree (`git init --separate-git-dir`, a worktree moved
        without `git worktree repair`), one of a stranger, a bare repository and an unknown object format are not relied
        on. Raises OSError when this process runs out of file descriptors or memory.
        """
        return cls.at(root.real_path)

    @classmethod
    def at(cls, root: bytes) -> Self | None:
        """As `of`, of an absolute path without links."""
        top = top_of(root)
        found = None if top is None else git_directory(top)
        if top is None or found is None:
            return None
        config = _config(found)
        is_main = os.path.realpath(found.own) == os.path.realpath(found.common)
        if config is None or config.object_format not in ("sha1", "sha256") or (is_main and config.is_bare):
            return None
        if not belongs_to(found, top, config.worktree) or not is_trusted(found, root):
            return None
        branch, commit = _head(found)
        return cls(
            common_dir=os.fsdecode(os.path.realpath(found.common)),
            git_dir=os.fsdecode(os.path.realpath(found.own)),
            remote=config.remote,
            prefix="" if root == top else os.fsdecode(os.path.relpath(root, top)),
            is_main_worktree=is_main,
            branch=branch,
            commit=commit,
            object_format=cast(ObjectFormat, config.object_format),
        )

    @property
    def history(self) -> str:
        """What all worktrees and clones of the repository have in common: the address of the remote, or else the common
        git directory, which only the worktrees share."""
        return self.remote if self.remote is not None else f"git:{self.common_dir}"

    def index(self) -> GitIndex:
        """Return what git tracks below the folder; the same object each time. Takes about 1 ms for 1,000 files."""
        if not self._index:
            prefix = os.fsencode(self.prefix)
            self._index.append(
                read_index(
                    os.path.join(os.fsencode(self.git_dir), b"index"),
                    prefix=prefix and prefix + b"/",
                    object_format=self.object_format,
                )
            )
        return self._index[0]

    def has_worktree_at(self, folder: bytes, *, descriptor: int | None) -> bool:
        """Return whether `folder` (an absolute path, with a file .git in it) is a linked worktree of this repository.

        With a `descriptor` of the folder, the file is opened from there.
        """
        path = b".git" if descriptor is not None else os.path.join(folder, b".git")
        return is_worktree_of(os.fsencode(self.common_dir), folder, descriptor, path)


def _config(found: GitDirectory) -> RepositoryConfig | None:
    content = _content(found.common, b"config", MAX_CONFIG_BYTES)
    if content is None:
        return None
    config = repository_config(content)
    if config is None or not config.per_worktree:
        return config
    own = _content(found.own, b"config.worktree", MAX_CONFIG_BYTES)
    return config if own is None else repository_config(content + b"\n" + own)


def _head(found: GitDirectory) -> tuple[str | None, str | None]:
    """The branch, and the commit that is checked out."""
    name, branch = b"HEAD", None
    for _ in range(_MOST_LINKS):
        content = _ref(found, name)
        if content is None:
            return branch, None
        if not content.startswith(b"ref:"):
            return branch, content.decode() if _OBJECT_ID.fullmatch(content) else None
        name = content.removeprefix(b"ref:").strip()
        if not _REF.fullmatch(name):
            return None, None
        if branch is None and name.startswith(_BRANCHES):
            branch = name.removeprefix(_BRANCHES).decode(errors="backslashreplace")
    return branch, None


def _ref(found: GitDirectory, name: bytes) -> bytes | None:
    """What a reference says: an object id, or the name of another one after 'ref:'."""
    content = _content(found.own, name, _MAX_REF_BYTES)
    if content is None and name != b"HEAD":
        content = _content(found.common, name, _MAX_REF_BYTES)
    if content is not None:
        return content.strip()
    packed = _content(found.common, b"packed-refs", _MAX_PACKED_REFS_BYTES)
    if packed is None or name == b"HEAD":
        return None
    place = packed.find(b" " + name + b"\n")
    return None if place < 0 else packed[:place].rpartition(b"\n")[2].strip()


def _content(directory: bytes, path: bytes, limit: int) -> bytes | None:
    """The content of a file of a git directory, no link in it followed; None where there is none, or it is larger."""
    try:
        with OpenedRoot(Path(os.fsdecode(directory))) as opened:
            descriptor = opened.open_file(path)
    except (OSError, RootUnavailable) as error:
        cause = error.__cause__ if isinstance(error, RootUnavailable) else error
        if isinstance(cause, OSError) and cause.errno in OUR_OWN_FAULT:
            raise cause from None
        return None
    read = read_open(descriptor, limit)
    return None if read is None else read[0]
