"""A git repository for benchmarks: a tree as its first commit, worktrees of it, and a branch that differs."""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.corpus import copy_of

# Whoever measures has settings of their own; the repositories are the same for all.
ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.com",
    "GIT_COMMITTER_NAME": "C",
    "GIT_COMMITTER_EMAIL": "c@example.com",
}


@dataclass(frozen=True, slots=True)
class GitTree:
    """The main working tree of a repository."""

    path: Path

    @classmethod
    def of(cls, source: Path, target: Path) -> "GitTree":
        """A copy of a tree as the first commit of the branch `main`."""
        tree = cls(copy_of(source, target))
        tree.git("-c", "init.defaultBranch=main", "init", "--quiet")
        tree.git("add", "--all", "--force")
        tree.git("commit", "--quiet", "-m", "first")
        return tree

    def git(self, *arguments: str) -> str:
        """Run git in the working tree. Raises CalledProcessError."""
        outer = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        command = ["git", "-c", "gc.auto=0", *arguments]
        done = subprocess.run(
            command, cwd=self.path, env=outer | ENVIRONMENT, stdout=subprocess.PIPE, text=True, check=True
        )
        return done.stdout

    def add_worktree(self, path: Path) -> Path:
        """A linked worktree of the present commit."""
        self.git("worktree", "add", "--quiet", "--detach", str(path))
        return path

    def add_branch(self, name: str, files: Sequence[Path], text_for: dict[Path, str]) -> None:
        """A branch on which some files have something more at their end; `main` stays checked out."""
        self.git("switch", "--quiet", "--create", name)
        for path in files:
            with path.open("ab") as file:
                file.write(text_for[path].encode())
        self.git("commit", "--quiet", "--all", "-m", name)
        self.git("switch", "--quiet", "main")

    def switch(self, branch: str) -> None:
        """Check a branch out."""
        self.git("switch", "--quiet", branch)
