"""What is indexed in a run: families of views that share files, and folders without git."""

import os
import random
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.sources import FUNCTIONS, LONG_AGO_SECONDS, Files, generation_of, module_of
from tests.support.git_repositories import git
from tests.support.trees import write_tree

NAMES = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta")
TRUNK = "refs/heads/trunk"
# The worktrees of a family, in turn: 0 is a folder without git. A family with worktrees has a branch as well, which is
# indexed as a git source.
WORKTREES = (2, 0, 3)
KEPT_COMMITS = 3
EDITED = 3
TOUCHED = 0.1
CHUNKS = FUNCTIONS + 1  # of a module, at most


def count_views(families: int) -> int:
    """How many views so many families have together."""
    return sum(max(1, worktrees + (worktrees > 0)) for worktrees in (WORKTREES[n % 3] for n in range(families)))


@dataclass(slots=True)
class Family:
    """The views of one git repository, which is bare and has linked worktrees, or a folder without git. What a view
    holds goes by the family's generation: so most of what is new in one view is new in the others at the same time."""

    folder: Path
    label: str
    modules: int
    worktrees: int
    dice: random.Random
    generation: int = 0
    commits: list[tuple[str, Files]] = field(default_factory=list)
    """The latest, with their files."""
    handed_out: set[tuple[str, bytes]] = field(default_factory=set)
    """Every content that a view of it has had, by path."""
    allowance: int = 0
    """How many texts may have been embedded again since another view, or an earlier state, had them too: of two views
    that are indexed at once both embed what is new, and what nobody held may have been collected."""

    @property
    def bare(self) -> Path:
        """The repository, of which the worktrees are."""
        return self.folder / f"{self.label}.git"

    def make(self) -> list["Tree"]:
        """Make the repository with its worktrees; returns what is to be indexed of it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.worktrees:
            return [Tree(self, self.folder / self.label, 0)]
        git(self.folder, "init", "--quiet", "--bare", str(self.bare))
        empty = git(self.bare, "commit-tree", git(self.bare, "mktree", data=b""), "-m", "empty")
        trees = []
        for number in range(self.worktrees):
            root = self.folder / f"{self.label}-{number}"
            git(self.bare, "worktree", "add", "--quiet", "-b", f"branch-{number}", str(root), empty)
            trees.append(Tree(self, root, number))
        self._commit(trees[0], self.state(0))  # the branch has something from the start
        return [*trees, Tree(self, self.bare, self.worktrees, is_branch=True)]

    def state(self, number: int) -> Files:
        """What a worktree holds in the present generation: a fifth of its modules are its own."""
        files = generation_of(self.label, self.generation, modules=self.modules)
        for index in range(number, self.modules, 5):
            name = f"{self.label}_{index // 25}/module_{index}.py"
            if name in files and number:
                files[name] = module_of(self.label, index, f"{self.generation}_{number}")
        return files

    def hand_out(self, before: Files, after: Files) -> None:
        """A view goes from one state to another."""
        for path, content in after.items():
            if before.get(path) == content:
                continue
            if (path, content) in self.handed_out:
                self.allowance += CHUNKS
            self.handed_out.add((path, content))

    def _commit(self, tree: "Tree", files: Files) -> str:
        _write(tree.root, files, self.dice)
        git(tree.root, "add", "--all", "--force")
        git(tree.root, "commit", "--quiet", "--allow-empty", "-m", "x")
        commit = git(tree.root, "rev-parse", "HEAD")
        self.commits = [*self.commits[1 - KEPT_COMMITS :], (commit, files)]
        return commit


@dataclass(slots=True)
class Tree:
    """The files of one view: a folder, a worktree, or the branch `trunk` of the bare repository."""

    family: Family
    root: Path
    number: int
    is_branch: bool = False
    files: Files = field(default_factory=dict)
    generation: int = -1

    @property
    def location(self) -> str:
        """How people call it."""
        return f"{self.root}@trunk" if self.is_branch else str(self.root)

    def change(self) -> list[str] | None:
        """Go to another state. Returns the paths that are to be looked at; None for all."""
        before, paths = self.files, None
        if self.is_branch:
            self._push()
        elif self.generation < 0 or not self.family.worktrees:
            self._edit()
        else:
            match self.family.dice.choices(["edit", "commit", "switch", "some"], [3, 3, 2, 3])[0]:
                case "edit":
                    self._edit()
                case "commit":
                    self._next()
                    self.files = self.family.state(self.number)
                    self.family._commit(self, self.files)
                case "switch":
                    self._switch()
                case _:
                    paths = self._edit_some()
        self.family.hand_out(before, self.files)
        return paths

    def forget(self) -> None:
        """The view was removed from the index: all its files are new to it."""
        self.family.hand_out({}, self.files)

    def _next(self) -> None:
        """The next generation: the family's, where others have got there before."""
        if self.generation >= self.family.generation:
            self.family.generation += 1
        self.generation = self.family.generation

    def _edit(self) -> None:
        if self.generation < 0:
            self.generation = self.family.generation
        else:
            self._next()
        self.files = self.family.state(self.number)
        _write(self.root, self.files, self.family.dice)

    def _switch(self) -> None:
        """To one of the latest commits, and so back to what it, or another worktree, had a while ago."""
        commit, self.files = self.family.dice.choice(self.family.commits)
        git(self.root, "checkout", "--quiet", "--force", "--detach", commit)
        git(self.root, "clean", "--quiet", "--force", "-d", "-x")

    def _push(self) -> None:
        """The branch gets one of the latest commits."""
        commit, self.files = self.family.dice.choice(self.family.commits)
        git(self.root, "update-ref", TRUNK, commit)

    def _edit_some(self) -> list[str]:
        self._next()
        files = dict(self.files)
        modules = sorted(name for name in files if "/module_" in name)
        chosen = self.family.dice.sample(modules, min(EDITED, len(modules)))
        for name in chosen[1:]:
            index = int(name.rpartition("_")[2].removesuffix(".py"))
            files[name] = module_of(self.family.label, index, f"{self.generation}_{self.number}_some")
        del files[chosen[0]]
        self.files = files
        _write(self.root, files, self.family.dice)
        return sorted(chosen)


def _write(root: Path, files: Files, dice: random.Random) -> None:
    """Make `root` hold these files, and git's own. Those that are new, and some others, get another modification time,
    long ago."""
    root.mkdir(parents=True, exist_ok=True)
    for path in [path for path in root.rglob("*") if path.is_file() and path.name != ".git"]:
        if path.relative_to(root).as_posix() not in files:
            path.unlink()
    changed = {
        name: content
        for name, content in files.items()
        if dice.random() < TOUCHED or not (root / name).exists() or (root / name).read_bytes() != content
    }
    write_tree(root, dict(changed))
    stamp = time.time() - LONG_AGO_SECONDS + dice.random()
    for name in changed:
        os.utime(root / name, (stamp, stamp))
