"""What leaves a file or folder out of the walk without a row: a rule of an ignore file, or one of our own."""

import os
from collections import Counter
from dataclasses import dataclass
from typing import Final

from pgdex.indexer.sources.git.finding import GIT_DIRECTORY
from pgdex.indexer.sources.git.index import GitIndex
from pgdex.indexer.sources.ignores import OWN_IGNORE, Decision, Ignores, around
from pgdex.indexer.sources.paths import escaped
from pgdex.indexer.sources.pruning import VERSION_CONTROL, is_pruned

# A tree may have an ignore file in each of its folders; beyond this many rules only the total is counted.
MOST_RULES: Final = 1_000


@dataclass(frozen=True, slots=True)
class BuiltIn:
    """A rule of our own: the name of a folder, or the marker in it, that says what it is."""

    name: bytes


Cause = Decision | BuiltIn

LINKED_WORKTREE: Final = BuiltIn(b"linked worktrees")
"""A folder inside the repository that `git worktree add` made: a copy of it, which is a view of its own."""


def cause_of(
    path: bytes, ignores: Ignores, *, is_folder: bool, is_link: bool = False, within: Decision | None = None
) -> Cause | None:
    """Return what leaves an entry out; None: it gets a row, or is entered. `path` as the ignore rules count it.

    `within` is the rule of git's that leaves out the folder around it, where that is entered for its tracked files.
    What is tracked (`is_tracked`) counts although a rule of git's is returned here.
    """
    name = path.rpartition(b"/")[2]
    if name in VERSION_CONTROL and (name == GIT_DIRECTORY or is_folder or is_link):
        return BuiltIn(name)  # a file .git is what a submodule or a worktree has
    own = ignores.own_decision(name, path, is_folder=is_folder)
    if own is not None and own.ignored:
        return own
    if own is not None:
        return within  # as in git, nothing that is in a folder that was left out is brought back alone
    if (is_folder or is_link) and is_pruned(name):
        return BuiltIn(name)
    if within is not None:
        return within
    git = ignores.git_decision(name, path, is_folder=is_folder)
    return git if git is not None and git.ignored else None


def is_tracked(path: bytes, index: GitIndex, *, is_folder: bool) -> bool:
    """Return whether git tracks the file, or a file in the folder, at `path` below the root."""
    return index.tracks_below(path + b"/") if is_folder else index.tracks(path)


def is_brought_back(path: bytes, ignores: Ignores, *, is_folder: bool = False) -> bool:
    """Return whether a line of a .pgdexignore with `!` names the path, against what we would do with it."""
    own = ignores.own_decision(path.rpartition(b"/")[2], path, is_folder=is_folder)
    return own is not None and not own.ignored


def is_wanted(real_root: bytes, path: str) -> bool:
    """Return whether a .pgdexignore at or below the root, or around it, brings back the file at `path` below it."""
    outer, ignores = around(real_root, heeds_git=False)
    prefix = b""
    for name in path.encode().split(b"/"):
        folder = os.path.join(real_root, prefix)
        ignores = ignores.entering(folder, cut=len(outer) + len(prefix), names=(OWN_IGNORE,))
        prefix += name + b"/"
    return is_brought_back(outer + path.encode(), ignores)


@dataclass(frozen=True, slots=True)
class RuleCount:
    """How many entries one rule left out. A rule of our own has no file and no line."""

    file: str | None
    line: int | None
    pattern: str
    entries: int

    def __str__(self) -> str:
        where = "built-in rule" if self.file is None else f"{self.file}:{self.line}"
        return f"{where} `{self.pattern}`"


class LeftOut:
    """Counts the files and folders that rules leave out; a folder counts once, with all that is in it.

    Where one is entered for the files in it that git tracks, the others in it count instead.
    Version control's own folders are not counted: nobody expects them.
    """

    def __init__(self) -> None:
        self.entries = 0
        self._by_cause: Counter[Cause] = Counter()

    def add(self, cause: Cause) -> None:
        """Count one entry."""
        if isinstance(cause, BuiltIn) and cause.name in VERSION_CONTROL:
            return
        self.entries += 1
        if len(self._by_cause) < MOST_RULES or cause in self._by_cause:
            self._by_cause[cause] += 1

    def most(self, root: bytes, *, number: int) -> list[RuleCount]:
        """Return the rules that left most entries out. Files below `root`, a real path, are named relative to it."""
        counted = sorted(self._by_cause.items(), key=lambda item: -item[1])[:number]
        return [rule_count(cause, root, entries) for cause, entries in counted]


def rule_count(cause: Cause, root: bytes, entries: int = 1) -> RuleCount:
    """Return a cause in text, with how many entries it left out."""
    if isinstance(cause, BuiltIn):
        return RuleCount(None, None, escaped(cause.name), entries)
    file = cause.file
    below = os.path.join(root, b"")
    shown = escaped(file.removeprefix(below) if file.startswith(below) else os.path.normpath(file))
    return RuleCount(shown, cause.rule.line, escaped(cause.rule.pattern), entries)
