"""Real git repositories for tests, made by git itself."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support.trees import write_tree

# Whoever runs the tests has settings of their own; the repositories are the same for all.
ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.com",
    "GIT_AUTHOR_DATE": "1700000000 +0100",
    "GIT_COMMITTER_NAME": "C",
    "GIT_COMMITTER_EMAIL": "c@example.com",
    "GIT_COMMITTER_DATE": "1700000000 +0100",
}


def git(folder: Path, *arguments: str, data: bytes | None = None, **environment: str) -> str:
    """Run git there and return what it prints, without the last line feed."""
    outer = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        ["git", "-c", "protocol.file.allow=always", "-c", "init.defaultBranch=main", *arguments],
        cwd=folder,
        env=outer | ENVIRONMENT | environment,
        input=data,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, (arguments, done.stderr)
    return done.stdout.decode(errors="surrogateescape").rstrip("\n")


@dataclass(frozen=True, slots=True)
class Repository:
    """A working tree with a repository."""

    path: Path

    @classmethod
    def make(cls, path: Path, *options: str) -> "Repository":
        """An empty one on the branch `main`."""
        path.mkdir(parents=True)
        git(path, "init", "--quiet", *options)
        return cls(path)

    def commit(self, files: dict[str, str | bytes] | None = None, message: str = "x") -> str:
        """Write `files`, commit everything, and return the commit's id."""
        write_tree(self.path, files or {})
        self.git("add", "--all", "--force")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def git(self, *arguments: str, data: bytes | None = None) -> str:
        """Run git in the working tree."""
        return git(self.path, *arguments, data=data)

    def bare(self, path: Path) -> Path:
        """A bare clone of it with everything."""
        git(self.path, "clone", "--quiet", "--mirror", "--no-local", str(self.path), str(path))
        return path
