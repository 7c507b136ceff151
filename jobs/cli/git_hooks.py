"""The hooks of a git repository that ask for indexing: putting them beside those that are there, and taking them out.

A hook that is a shell script gets a block of ours behind its first line: at its end it might never be reached (`exit`,
`exec`), and would change the hook's exit status. Any other hook (a program, a link, one that is switched off) is not
touched but renamed, and called by ours. Either way `remove` leaves the bytes that were there before.
"""

import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pgdex.jobs.errors import InvalidRequest

HOOKS = ("post-checkout", "post-merge", "post-commit", "post-rewrite")
KEPT_SUFFIX = ".before-pgdex"
BEGIN = b"# >>> pgdex: has what changed indexed; `pgdex hooks remove` takes this out >>>\n"
END = b"# <<< pgdex <<<\n"
BLOCK = re.compile(re.escape(BEGIN) + rb".*?" + re.escape(END), re.DOTALL)
OWN_HEAD = b"#!/bin/sh\n# Made by pgdex.\n"
CHAIN = b'if [ -x "$0%s" ]; then exec "$0%s" "$@"; fi\n' % ((KEPT_SUFFIX.encode(),) * 2)
SHELL = re.compile(rb"#! *(?:/usr/bin/env +(?:-S +)?)?(?:/[\w./-]*/)?(?:ba|da|a|k|mk)?sh(?: +-\w+)* *\n")
GIT_SECONDS = 10.0

State = Literal["absent", "other", "own", "beside", "chained"]
"""absent: no hook; other: one without ours; own: ours alone; beside: our block in another's; chained: ours calls
another's, which was renamed."""


@dataclass(frozen=True, slots=True)
class HooksFolder:
    """Where git looks for the hooks of the repository that `top` is a working tree of. `tracked`: in the working tree,
    so that a change would be one of the project's; `shared`: elsewhere, for all repositories that are configured so."""

    path: Path
    top: Path
    tracked: bool
    shared: bool


@dataclass(frozen=True, slots=True)
class Hook:
    """One hook and how it is."""

    name: str
    path: Path
    state: State

    @property
    def is_installed(self) -> bool:
        """Whether it asks for indexing."""
        return self.state in ("own", "beside", "chained")


def hooks_folder(folder: Path) -> HooksFolder:
    """That of the repository around `folder`. Raises InvalidRequest."""
    top = Path(_git(folder, "rev-parse", "--show-toplevel"))
    path = Path(os.path.abspath(folder / _git(folder, "rev-parse", "--git-path", "hooks")))
    common = Path(os.path.realpath(folder / _git(folder, "rev-parse", "--git-common-dir")))
    real = Path(os.path.realpath(path))
    is_gits = real.is_relative_to(common)
    tracked = not is_gits and real.is_relative_to(os.path.realpath(top))
    return HooksFolder(path, top, tracked=tracked, shared=not is_gits and not tracked)


def hooks_in(folder: HooksFolder) -> list[Hook]:
    """Each of the hooks that ask for indexing, or would."""
    return [Hook(name, folder.path / name, _state(folder.path / name)) for name in HOOKS]


def install(folder: HooksFolder, *, program: str, force: bool) -> None:
    """Put our hooks beside those that are there; ones of ours are renewed. `program` is an absolute path of pgdex.

    Raises InvalidRequest where the folder is tracked, without `force`, or where a hook can't be kept aside.
    """
    if folder.tracked and not force:
        raise InvalidRequest(
            f"the hooks of this repository lie in its working tree ({folder.path}, by core.hooksPath), where husky and "
            "others keep them: changes there belong to the project. Add a line to the project's own hooks, such as "
            "`pgdex hooks run . >/dev/null 2>&1 &`, or insist with --force"
        )
    folder.path.mkdir(parents=True, exist_ok=True)
    hooks = hooks_in(folder)
    for hook in hooks:
        if hook.state == "other" and os.path.lexists(_kept(hook.path)) and not _takes_a_block(hook.path):
            raise InvalidRequest(f"{_kept(hook.path)} is in the way: rename it, then try again")
    for hook in hooks:
        _install(hook, _block(hook.name, program))


def remove(folder: HooksFolder) -> None:
    """Take our hooks out; others are again what they were, byte for byte."""
    for hook in hooks_in(folder):
        if hook.is_installed:
            _remove(hook.path)


def pgdex_program() -> str:
    """The absolute path of the command `pgdex` that belongs to this process. Raises InvalidRequest."""
    beside = Path(sys.executable).with_name("pgdex")
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("pgdex")
    if found is None:
        raise InvalidRequest(
            "the hooks need a `pgdex` command to call, and there is none: install pgdex so that it has one"
        )
    return os.path.abspath(found)


def _install(hook: Hook, block: bytes) -> None:
    path = hook.path
    if hook.is_installed:
        _write(path, BLOCK.sub(lambda _: block, path.read_bytes(), count=1), mode=path.stat().st_mode)
    elif hook.state == "absent":
        _write(path, OWN_HEAD + block, mode=0o755)
    elif _takes_a_block(path):
        content = path.read_bytes()
        head = content.index(b"\n") + 1 if content.startswith(b"#!") else 0
        _write(path, content[:head] + block + content[head:], mode=path.stat().st_mode)
    else:
        path.rename(_kept(path))
        _write(path, OWN_HEAD + block + CHAIN, mode=0o755)


def _remove(path: Path) -> None:
    rest = BLOCK.sub(b"", path.read_bytes(), count=1)
    if rest == OWN_HEAD:
        path.unlink()
    elif rest == OWN_HEAD + CHAIN and os.path.lexists(_kept(path)):
        _kept(path).replace(path)
    else:
        _write(path, rest, mode=path.stat().st_mode)


def _state(path: Path) -> State:
    if not os.path.lexists(path):
        return "absent"
    content = _content(path)
    if content is None or BLOCK.search(content) is None:
        return "other"
    rest = BLOCK.sub(b"", content, count=1)
    if rest == OWN_HEAD:
        return "own"
    return "chained" if rest == OWN_HEAD + CHAIN else "beside"


def _takes_a_block(path: Path) -> bool:
    """Whether it is a shell script that git runs: an executable file, no link, of sh or a shell like it. A script
    without a first line that names a shell is run by sh, if it is text."""
    content = _content(path)
    if content is None or not os.access(path, os.X_OK) or b"\n" not in content or b"\0" in content:
        return False
    return SHELL.match(content) is not None if content.startswith(b"#!") else b"\r" not in content


def _content(path: Path) -> bytes | None:
    """What is in a regular file; None where it is none."""
    try:
        return path.read_bytes() if stat.S_ISREG(path.lstat().st_mode) else None
    except OSError:
        return None


def _kept(path: Path) -> Path:
    return path.with_name(path.name + KEPT_SUFFIX)


def _block(name: str, program: str) -> bytes:
    """What asks for indexing, in the background and without a word, whatever happens; nothing where pgdex is gone.

    A rebase runs most hooks for each of its commits, and post-rewrite once at its end; an amended commit runs
    post-commit too. Git's variables (GIT_DIR …) are about this one command and would mislead others.
    """
    condition = (
        '[ "${1-}" = rebase ] || exit 0'
        if name == "post-rewrite"
        else 'if [ -d "$git_dir/rebase-merge" ] || [ -d "$git_dir/rebase-apply" ]; then exit 0; fi'
    )
    script = f"""(
    pgdex={shlex.quote(program)}
    command -v "$pgdex" || pgdex=pgdex
    command -v "$pgdex" || exit 0
    git_dir=$(git rev-parse --git-dir) && top=$(git rev-parse --show-toplevel) || exit 0
    {condition}
    unset $(git rev-parse --local-env-vars)
    exec nohup "$pgdex" hooks run "$top"
) </dev/null >/dev/null 2>&1 &
"""
    return BEGIN + script.encode(errors="surrogateescape") + END


def _write(path: Path, content: bytes, *, mode: int) -> None:
    """Exchange the whole file at once: git may run it at any moment."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.chmod(name, stat.S_IMODE(mode))
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _git(folder: Path, *arguments: str) -> str:
    """One line of git's answer. Raises InvalidRequest."""
    try:
        done = subprocess.run(
            ["git", *arguments],  # noqa: S607  # the user's git, which has the user's configuration
            cwd=folder,
            capture_output=True,
            timeout=GIT_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError:
        raise InvalidRequest("hooks need the program `git`, which is not installed") from None
    except subprocess.TimeoutExpired:
        raise InvalidRequest(f"git did not answer within {GIT_SECONDS:.0f} s") from None
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().removeprefix("fatal: ")
        raise InvalidRequest(f"{folder} is not in a git working tree: {said}")
    return os.fsdecode(done.stdout).removesuffix("\n")
