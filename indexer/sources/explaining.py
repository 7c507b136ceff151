"""What becomes of one path of a tree, and why: the walk's decisions and the reader's, for that path alone."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pgdex.indexer.sources.content import Skipped, read_source
from pgdex.indexer.sources.git import NO_INDEX, GitTree
from pgdex.indexer.sources.git.finding import GIT_DIRECTORY
from pgdex.indexer.sources.ignores import Decision, around
from pgdex.indexer.sources.leaving_out import (
    LINKED_WORKTREE,
    BuiltIn,
    RuleCount,
    cause_of,
    is_brought_back,
    is_tracked,
    rule_count,
)
from pgdex.indexer.sources.links import link_detail
from pgdex.indexer.sources.paths import display_path
from pgdex.indexer.sources.pruning import marker_of
from pgdex.indexer.sources.roots import OpenedRoot
from pgdex.indexer.sources.skips import SkipReason, reason_for, system_message
from pgdex.indexer.sources.unread import skipped_unread

Fate = Literal["taken", "folder", "ignored", "skipped", "missing", "outside"]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What an indexing would do now with the path `path`, relative to the root.

    `taken`: it is indexed; `folder`: it is entered; `ignored` by `rule`, at `at` (the path itself, or the folder above
    it that is left out with all in it); `skipped` for `reason`, with `detail` (at `at` too); `missing` from `at` on;
    `outside` of the root.
    """

    path: str
    fate: Fate
    at: str
    rule: RuleCount | None = None
    reason: SkipReason | None = None
    detail: str | None = None


def explain(root: Path, path: str, *, max_file_bytes: int, heeds_git: bool = True) -> Explanation:
    """Return what becomes of `path`, which is relative to `root`, or an absolute path.

    Links in the root's own path are resolved, those below it are not. Raises RootUnavailable, as reading does.
    """
    real_root = os.path.realpath(os.fsencode(root))
    wanted = os.path.normpath(os.path.join(real_root, os.fsencode(path)))
    below = os.path.relpath(wanted, real_root)
    if below == b".." or below.startswith(b"../"):
        return Explanation(path, "outside", path)
    if below == b".":
        return Explanation(".", "folder", ".")
    return _Descent(root, real_root, below, max_file_bytes, heeds_git).explanation()


class _Descent:
    """From the root to the path, one folder at a time."""

    def __init__(self, root: Path, real_root: bytes, path: bytes, max_file_bytes: int, heeds_git: bool) -> None:
        self._root = root
        self._real_root = real_root
        self._path = path
        self._max_file_bytes = max_file_bytes
        self._outer, self._ignores = around(real_root, heeds_git=heeds_git)
        self._git = GitTree.at(real_root)
        self._index = NO_INDEX if self._git is None else self._git.index()
        self._within: Decision | None = None  # the rule that leaves the folder out, but for its tracked files

    def explanation(self) -> Explanation:
        prefix = b""
        components = self._path.split(b"/")
        for number, name in enumerate(components):
            if (left_out := self._enter(prefix)) is not None:
                return left_out
            at = prefix + name
            try:
                status = os.lstat(os.path.join(self._real_root, at))
            except OSError as error:
                return self._unreachable(at, error)
            is_folder, is_link = stat.S_ISDIR(status.st_mode), stat.S_ISLNK(status.st_mode)
            cause = cause_of(self._outer + at, self._ignores, is_folder=is_folder, is_link=is_link, within=self._within)
            if isinstance(cause, Decision) and cause.is_gits and is_tracked(at, self._index, is_folder=is_folder):
                self._within, cause = cause, None
            if cause is not None:
                return self._answer("ignored", at, rule=rule_count(cause, self._real_root))
            if not is_folder:
                return self._no_folder(at, status, b"/".join(components[number + 1 :]))
            prefix = at + b"/"
        return self._enter(prefix) or self._answer("folder", self._path)

    def _unreachable(self, at: bytes, error: OSError) -> Explanation:
        if reason_for(error) is SkipReason.VANISHED:
            return self._answer("missing", at)
        return self._skipped(at, reason_for(error), system_message(error))

    def _no_folder(self, at: bytes, status: os.stat_result, rest: bytes) -> Explanation:
        """Explain a link or a file; `rest` is what the path has below it, as if it were a folder."""
        if stat.S_ISLNK(status.st_mode):
            with OpenedRoot(self._root) as root:
                return self._skipped(at, SkipReason.SYMLINK, link_detail(root, at))
        return self._answer("missing", at + b"/" + rest) if rest else self._file(status)

    def _enter(self, prefix: bytes) -> Explanation | None:
        """Take the rules of the folder; or say why it is not entered."""
        folder = os.path.join(self._real_root, prefix)
        at = prefix[:-1]
        try:
            names = set(os.listdir(folder))
        except OSError as error:
            if not prefix:
                return self._skipped(b".", reason_for(error), system_message(error))
            return self._skipped(at, reason_for(error), f"a folder, with all that is in it: {system_message(error)}")
        marker = marker_of(at, names) if prefix else None
        if marker is not None and not is_brought_back(self._outer + at, self._ignores, is_folder=True):
            if marker.skip_detail is not None:
                return self._skipped(at, SkipReason.VENDORED, marker.skip_detail)
            return self._answer("ignored", at, rule=rule_count(BuiltIn(marker.entry), self._real_root))
        if (
            prefix
            and self._git is not None
            and GIT_DIRECTORY in names
            and self._git.has_worktree_at(folder.rstrip(b"/"), descriptor=None)
            and not is_brought_back(self._outer + at, self._ignores, is_folder=True)
        ):
            return self._answer("ignored", at, rule=rule_count(LINKED_WORKTREE, self._real_root))
        cut = len(self._outer) + len(prefix)
        self._ignores = self._ignores.entering(folder, cut=cut, names=names, is_root=not prefix)
        return None

    def _file(self, status: os.stat_result) -> Explanation:
        text, reason, detail = display_path(self._path)
        if reason is not None:
            return self._skipped(self._path, reason, detail)
        if not stat.S_ISREG(status.st_mode):
            return self._skipped(self._path, SkipReason.SPECIAL, None)
        verdict = skipped_unread(
            self._path,
            status.st_size,
            self._max_file_bytes,
            is_wanted=lambda: is_brought_back(self._outer + self._path, self._ignores),
        )
        if verdict is not None:
            return self._skipped(self._path, *verdict)
        source = read_source(self._root, text, max_file_bytes=self._max_file_bytes)
        if isinstance(source, Skipped):
            return self._skipped(self._path, source.reason, source.detail)
        return self._answer("taken", self._path)

    def _skipped(self, at: bytes, reason: SkipReason, detail: str | None) -> Explanation:
        return self._answer("skipped", at, reason=reason, detail=detail)

    def _answer(
        self,
        fate: Fate,
        at: bytes,
        *,
        rule: RuleCount | None = None,
        reason: SkipReason | None = None,
        detail: str | None = None,
    ) -> Explanation:
        return Explanation(display_path(self._path)[0], fate, display_path(at)[0], rule, reason, detail)
