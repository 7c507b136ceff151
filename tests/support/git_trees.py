"""Real repositories of git for tests, and what git says of them."""

import os
import subprocess
import time
from pathlib import Path

from tests.support.trees import write_tree

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": os.devnull,
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{who}_{what}": "a@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}


def git(*arguments: str, at: Path, check: bool = True, given: bytes | None = None, config: Path | None = None) -> bytes:
    """What git writes, with the user's configuration in `config`: it knows nothing of who runs the tests."""
    done = subprocess.run(
        ["git", "-c", "protocol.file.allow=always", *arguments],
        cwd=at,
        env=ENVIRONMENT if config is None else ENVIRONMENT | {"GIT_CONFIG_GLOBAL": str(config)},
        input=given,
        capture_output=True,
        check=check,
    )
    return done.stdout


def repository(at: Path, files: dict[str, str | bytes] | None = None, *options: str) -> Path:
    """A repository with these files in its first commit, on the branch main."""
    at.mkdir(parents=True, exist_ok=True)
    git("init", "--quiet", "--initial-branch=main", *options, at=at)
    write_tree(at, files or {"a.py": "x = 1\n"})
    git("add", "--force", "--all", at=at)
    git("commit", "--quiet", "--message=x", at=at)
    return at


def settled(at: Path) -> None:
    """Make git look at its files again, which are older than the index then."""
    old = time.time_ns() - 100_000_000_000
    for folder, folders, names in os.walk(at):
        if ".git" in folders:
            folders.remove(".git")
        for name in names:
            os.utime(os.path.join(folder, name), ns=(old, old), follow_symlinks=False)
    git("update-index", "-q", "--refresh", at=at)


def shown(path: bytes) -> str:
    """A path as a walk shows it."""
    try:
        return path.decode()
    except UnicodeDecodeError:
        return "./" + path.replace(b"\\", b"\\\\").decode(errors="backslashreplace")


def listed(at: Path, *arguments: str, config: Path | None = None) -> set[str]:
    """The paths that `git ls-files` lists, of what is on the disk."""
    paths = git("ls-files", "-z", *arguments, at=at, config=config).split(b"\0")
    return {shown(path) for path in paths if path and os.path.lexists(os.path.join(os.fsencode(at), path))}
