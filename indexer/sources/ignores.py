"""Which paths the ignore files of a tree leave out: `.gitignore` as git reads it, `.pgdexignore`.

Git's own answer is the measure (`git check-ignore`). That a file counts which git tracks although a
rule names it is for those to see who ask here (`Decision.is_gits`). The user's global excludes
(`core.excludesFile`) hold inside of git repositories, as in git, where this process runs as the
user who owns the root: they are that user's, and another's would be another list.
`core.ignoreCase` is taken as false.
"""

import os
import re
from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Self

from pgdex.indexer.sources.git.excludes import excludes_file, is_own
from pgdex.indexer.sources.git.finding import GIT_DIRECTORY, git_directory, top_of
from pgdex.indexer.sources.git.reading import read_small
from pgdex.indexer.sources.wildmatch import GLOB_SPECIAL, translate

GIT_IGNORE = b".gitignore"
OWN_IGNORE = b".pgdexignore"
IGNORE_FILES = (GIT_IGNORE, OWN_IGNORE)

# Far above any hand-written file; bounds the time that compiling a hostile one can take. What
# comes after is not applied.
MAX_IGNORE_FILE_BYTES = 1 << 19


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of an ignore file."""

    glob: bytes
    negated: bool
    folders_only: bool
    anchored: bool  # matched against the path below the file's folder, not the name alone
    line: int  # counted from 1
    pattern: bytes  # as it is written


def parse(content: bytes) -> list[Rule]:
    """Return the rules of an ignore file, in its order."""
    rules = []
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if line.startswith(b"#"):
            continue
        # Git handles lines as C strings, hence the NUL.
        written = _without_trailing_spaces(line.removesuffix(b"\r").partition(b"\0")[0])
        pattern = written
        negated = pattern.startswith(b"!")
        pattern = pattern[negated:]
        folders_only = pattern.endswith(b"/")
        pattern = pattern[: len(pattern) - folders_only]
        anchored = b"/" in pattern
        if pattern := pattern.removeprefix(b"/"):
            rules.append(Rule(pattern, negated, folders_only, anchored, number, written))
    return rules


def _without_trailing_spaces(pattern: bytes) -> bytes:
    stripped = pattern.rstrip(b" ")
    backslashes = len(stripped) - len(stripped.rstrip(b"\\"))
    escaped_space = backslashes % 2 == 1 and stripped != pattern
    return stripped + b" " if escaped_space else stripped


class _Globs:
    """Numbered patterns as one expression that finds the highest number that matches."""

    __slots__ = ("_expression", "_numbers")

    def __init__(self, numbered: Sequence[tuple[int, bytes]]) -> None:
        # The regex engine takes the first alternative that fits, so the last rule goes first.
        ordered = sorted(numbered, reverse=True)
        self._numbers = [number for number, _ in ordered]
        alternatives = b"|".join(b"(%s)" % expression for _, expression in ordered)
        self._expression = re.compile(rb"(?s:(?:%s)\Z)" % alternatives) if ordered else None

    def last_match(self, path: bytes) -> int:
        """Return the number of the last pattern that matches, or -1."""
        if self._expression is None or (found := self._expression.match(path)) is None:
            return -1
        return self._numbers[(found.lastindex or 0) - 1]


class _Table:
    """Rules, arranged so that a path that matches none costs a few lookups."""

    __slots__ = ("_name_globs", "_names", "_path_globs", "_paths", "_suffix_rules", "_suffixes")

    def __init__(self, numbered: Sequence[tuple[int, Rule]]) -> None:
        self._names: dict[bytes, int] = {}
        self._paths: dict[bytes, int] = {}
        self._suffix_rules: list[tuple[bytes, int]] = []
        name_globs: list[tuple[int, bytes]] = []
        path_globs: list[tuple[int, bytes]] = []
        for number, rule in numbered:
            if not GLOB_SPECIAL.search(rule.glob):
                (self._paths if rule.anchored else self._names)[rule.glob] = number
            elif not rule.anchored and _is_suffix_glob(rule.glob):
                self._suffix_rules.append((rule.glob[1:], number))
            elif (expression := translate(rule.glob)) is not None:
                (path_globs if rule.anchored else name_globs).append((number, expression))
        self._suffix_rules.reverse()
        self._suffixes = tuple(suffix for suffix, _ in self._suffix_rules)
        self._name_globs = _Globs(name_globs)
        self._path_globs = _Globs(path_globs)

    def last_match(self, name: bytes, path: bytes) -> int:
        """Return the number of the last rule that matches, or -1."""
        last = max(
            self._names.get(name, -1),
            self._paths.get(path, -1),
            self._name_globs.last_match(name),
            self._path_globs.last_match(path),
        )
        if name.endswith(self._suffixes):
            found = next(number for suffix, number in self._suffix_rules if name.endswith(suffix))
            last = max(last, found)
        return last


def _is_suffix_glob(glob: bytes) -> bool:
    return glob[:1] == b"*" and not GLOB_SPECIAL.search(glob, 1)


@dataclass(frozen=True, slots=True)
class Decision:
    """What the last rule says that matches a path. `file` is the ignore file's own path."""

    file: bytes
    rule: Rule

    @property
    def ignored(self) -> bool:
        """Whether it leaves the path out, or brings it back."""
        return not self.rule.negated

    @property
    def is_gits(self) -> bool:
        """Whether it is a rule of git's, which does not hold for what git tracks."""
        return os.path.basename(self.file) != OWN_IGNORE


class RuleSet:
    """The rules of one ignore file."""

    __slots__ = ("_decisions", "_files", "_folders", "hides_everything", "is_empty")

    def __init__(self, content: bytes, file: bytes = GIT_IGNORE) -> None:
        """Parse `content`; no line is an error, as in git a malformed one matches nothing."""
        rules = parse(content)
        numbered = list(enumerate(rules))
        self._decisions = [Decision(file, rule) for rule in rules]
        self._folders = _Table(numbered)
        self._files = _Table([entry for entry in numbered if not entry[1].folders_only])
        self.is_empty = not rules
        self.hides_everything = [rule.pattern for rule in rules] == [b"*"]

    def decision(self, name: bytes, path: bytes, *, is_folder: bool) -> Decision | None:
        """Return what decides on the path (below this file's folder); None: no rule does."""
        table = self._folders if is_folder else self._files
        last = table.last_match(name, path)
        return None if last < 0 else self._decisions[last]


@dataclass(frozen=True, slots=True)
class _Layer:
    cut: int  # bytes of a full path that lead to the ignore file's folder
    rules: RuleSet


@dataclass(frozen=True, slots=True)
class Ignores:
    """The rules that hold in one folder, those of the folders above it included.

    Paths are bytes, '/'-separated, and count from the top of the git repository around the tree
    where there is one, else from the root of the walk.
    """

    own: tuple[_Layer, ...] = ()  # .pgdexignore, the deepest first
    git: tuple[_Layer, ...] = ()  # .gitignore, the deepest first, then .git/info/exclude, then the user's excludes
    heeds_git: bool = True  # False: git's rules are not read at all
    users: RuleSet | None = None  # the user's excludes, which hold below each folder that has a .git

    def own_decision(self, name: bytes, path: bytes, *, is_folder: bool) -> Decision | None:
        """Return what the .pgdexignore files say of a path; None: nothing."""
        return _decision(self.own, name, path, is_folder) if self.own else None

    def git_decision(self, name: bytes, path: bytes, *, is_folder: bool) -> Decision | None:
        """Return what git's ignore files say of a path; None: nothing."""
        return _decision(self.git, name, path, is_folder) if self.git else None

    def entering(
        self,
        folder: bytes,
        *,
        cut: int,
        names: Container[bytes],
        is_root: bool = False,
        descriptor: int | None = None,
        known_as: bytes | None = None,
    ) -> Self:
        """Return the rules that hold inside `folder` (a path to open) with the files `names`.

        `cut` is the length of the full path of the folder, with its slash. A folder with a `.git`
        of its own is a repository of its own: the git rules above it end there. `is_root` says
        that someone asked for this very folder: then a lone `*`, with which virtual environments
        and caches hide themselves from the repository around them, does not count. With a
        `descriptor` of the folder its ignore files are opened from there, and not by a path that
        may lead elsewhere by now; `known_as` is the folder's own path then, for people.
        """
        own, git = self.own, self.git
        if self.heeds_git and GIT_DIRECTORY in names and (found_git := git_directory(folder)) is not None:
            git = _layers(os.path.join(found_git.common, b"info", b"exclude"), cut, follow=True)
            if self.users is not None:
                git += (_Layer(cut, self.users),)
        here = folder if known_as is None else known_as
        if self.heeds_git and GIT_IGNORE in names:
            found = _layers(
                _within(folder, GIT_IGNORE, descriptor), cut, above=descriptor, known_as=os.path.join(here, GIT_IGNORE)
            )
            if not (is_root and found and found[0].rules.hides_everything):
                git = found + git
        if OWN_IGNORE in names:
            found = _layers(
                _within(folder, OWN_IGNORE, descriptor), cut, above=descriptor, known_as=os.path.join(here, OWN_IGNORE)
            )
            own = found + own
        return self if own is self.own and git is self.git else type(self)(own, git, self.heeds_git, self.users)

    def with_own(self, content: bytes, *, cut: int, file: bytes) -> Self:
        """Return the rules inside a folder whose .pgdexignore has this content, and is `file` for people; `cut` is as
        for `entering`."""
        layer = _Layer(cut, RuleSet(content[:MAX_IGNORE_FILE_BYTES], file))
        return type(self)((layer, *self.own), self.git, self.heeds_git)


def around(root: bytes, *, heeds_git: bool = True) -> tuple[bytes, Ignores]:
    """Return the path from the top of the git repository to `root`, and the rules that hold there.

    `root` is an absolute path without symbolic links. The path has a slash at its end, or is
    empty where the root is in no repository or is one itself. When a rule ignores the root or a
    folder above it, no rule from outside holds: who names a folder wants to see what is in it.
    """
    ignores = nothing_around = Ignores(heeds_git=heeds_git, users=_users_rules(root) if heeds_git else None)
    top = top_of(root)
    if top is None or top == root:
        return b"", ignores
    prefix = os.path.relpath(root, top) + b"/"
    every_file = (GIT_DIRECTORY, GIT_IGNORE, OWN_IGNORE)
    folder, path = top, b""
    for name in prefix.split(b"/")[:-1]:
        cut = len(path) and len(path) + 1
        ignores = ignores.entering(folder, cut=cut, names=every_file)
        folder = os.path.join(folder, name)
        path = os.path.join(path, name)
        decision = ignores.own_decision(name, path, is_folder=True)
        if decision is None:
            decision = ignores.git_decision(name, path, is_folder=True)
        if decision is not None and decision.ignored:
            return prefix, nothing_around
    return prefix, ignores


def _users_rules(root: bytes) -> RuleSet | None:
    file = excludes_file() if is_own(root) else None
    content = b"" if file is None else read_small(file, MAX_IGNORE_FILE_BYTES, follow=True)
    return RuleSet(content, file) if file is not None and content else None


def _decision(layers: tuple[_Layer, ...], name: bytes, path: bytes, is_folder: bool) -> Decision | None:
    for layer in layers:
        decision = layer.rules.decision(name, path[layer.cut :], is_folder=is_folder)
        if decision is not None:
            return decision
    return None


def _within(folder: bytes, name: bytes, descriptor: int | None) -> bytes:
    return os.path.join(folder, name) if descriptor is None else name


def _layers(
    path: bytes, cut: int, *, follow: bool = False, above: int | None = None, known_as: bytes | None = None
) -> tuple[_Layer, ...]:
    """The rules of an ignore file, which is `known_as` this path when it is opened from its folder's descriptor."""
    # Like git, an ignore file of the tree that is a symbolic link is not read.
    content = read_small(path, MAX_IGNORE_FILE_BYTES, follow=follow, above=above)
    if not content:
        return ()
    rules = RuleSet(content, known_as or path)
    # Git's own template of info/exclude has comments only. Asking it of every file made a walk a tenth slower.
    return () if rules.is_empty else (_Layer(cut, rules),)
