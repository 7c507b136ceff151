"""Hooks beside those of a real git repository: what they are put into, and that it is afterwards what it was."""

import os
import stat
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pgdex.jobs.cli.git_hooks import HOOKS, Hook, hooks_folder, hooks_in, install, remove
from pgdex.jobs.errors import InvalidRequest
from tests.support.waiting import wait_for

HOOK = "post-commit"
THEIRS = {
    "shell": (b'#!/bin/sh\necho theirs >> "$GIT_DIR/ran"\nexit 3\n', 0o755, "beside"),
    "bash with a flag": (b'#!/usr/bin/env bash\nset -e\ncd "$(dirname "$0")"\nexec true\n', 0o711, "beside"),
    "no first line": (b"echo theirs\n", 0o755, "beside"),
    "python": (b"#!/usr/bin/env python3\nprint('theirs')\n", 0o755, "chained"),
    "program": (b"\x7fELF\0\0\n", 0o755, "chained"),
    "windows lines": (b"#!/bin/sh\r\necho theirs\r\n", 0o755, "chained"),
    "one line without an end": (b"#!/bin/sh", 0o755, "chained"),
    "switched off": (b"#!/bin/sh\nexit 1\n", 0o644, "chained"),
}


def git(folder: Path, *arguments: str, **variables: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", *identity, *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"} | variables,
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository whose path has a space and a quote in it."""
    root = tmp_path.resolve() / "my repo's"
    root.mkdir()
    git(root, "init", "--quiet", "--initial-branch=main")
    return root


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """In place of pgdex: writes down how it is called, and what of git's variables it sees."""
    folder = tmp_path / "it's here"
    folder.mkdir()
    path = folder / "pgdex"
    path.write_text(f'#!/bin/sh\nsleep 0.2\necho "$1 $2 $3 GIT_DIR=$GIT_DIR" >> {tmp_path}/calls\n')
    path.chmod(0o755)
    return path


def calls(tmp_path: Path) -> list[str]:
    """How the program was called."""
    path = tmp_path / "calls"
    return path.read_text().splitlines() if path.exists() else []


def put(folder: Path, name: str, content: bytes, mode: int = 0o755) -> Path:
    path = folder / ".git" / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    path.chmod(mode)
    return path


def snapshot(folder: Path) -> dict[str, tuple[int, bytes | str]]:
    """Every entry with its mode and content, or where it leads."""
    found: dict[str, tuple[int, bytes | str]] = {}
    for entry in sorted(folder.iterdir()):
        content = os.readlink(entry) if entry.is_symlink() else entry.read_bytes()
        found[entry.name] = (stat.S_IMODE(entry.lstat().st_mode), content)
    return found


def states(root: Path) -> dict[str, str]:
    return {hook.name: hook.state for hook in hooks_in(hooks_folder(root))}


def test_hooks_come_and_go_without_a_trace(repository: Path, program: Path) -> None:
    before = snapshot(repository / ".git" / "hooks")
    for _ in range(2):  # the second time renews them
        install(hooks_folder(repository), program=str(program), force=False)
        assert states(repository) == dict.fromkeys(HOOKS, "own")
    remove(hooks_folder(repository))
    assert snapshot(repository / ".git" / "hooks") == before
    remove(hooks_folder(repository))


@pytest.mark.parametrize("kind", THEIRS)
def test_a_hook_that_is_there_is_kept_byte_for_byte(repository: Path, program: Path, kind: str) -> None:
    content, mode, state = THEIRS[kind]
    put(repository, HOOK, content, mode)
    before = snapshot(repository / ".git" / "hooks")
    install(hooks_folder(repository), program=str(program), force=False)
    install(hooks_folder(repository), program="/another/pgdex", force=False)
    assert states(repository)[HOOK] == state
    remove(hooks_folder(repository))
    assert snapshot(repository / ".git" / "hooks") == before


def test_a_hook_that_is_a_link_is_kept_and_what_it_leads_to_is_not_touched(repository: Path, program: Path) -> None:
    script = repository / "hook.sh"
    script.write_text("#!/bin/sh\nexit 0\n")
    script.chmod(0o755)
    path = put(repository, HOOK, b"")
    path.unlink()
    path.symlink_to("../../hook.sh")
    before = snapshot(repository / ".git" / "hooks")
    install(hooks_folder(repository), program=str(program), force=False)
    assert script.read_text() == "#!/bin/sh\nexit 0\n"
    remove(hooks_folder(repository))
    assert snapshot(repository / ".git" / "hooks") == before


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    content=st.one_of(st.binary(max_size=60), st.binary(max_size=60).map(lambda rest: b"#!/bin/sh\n" + rest)),
    mode=st.sampled_from([0o755, 0o644]),
)
def test_any_hook_is_kept_byte_for_byte(repository: Path, program: Path, content: bytes, mode: int) -> None:
    put(repository, HOOK, content, mode)
    before = snapshot(repository / ".git" / "hooks")
    install(hooks_folder(repository), program=str(program), force=False)
    assert states(repository)[HOOK] in ("beside", "chained")
    remove(hooks_folder(repository))
    assert snapshot(repository / ".git" / "hooks") == before


def test_what_someone_adds_to_a_hook_of_ours_stays(repository: Path, program: Path) -> None:
    install(hooks_folder(repository), program=str(program), force=False)
    path = repository / ".git" / "hooks" / HOOK
    path.write_bytes(path.read_bytes() + b"echo mine\n")
    remove(hooks_folder(repository))
    assert path.read_bytes().endswith(b"echo mine\n")
    assert b"nohup" not in path.read_bytes()


def test_git_does_not_wait_and_the_working_tree_is_named(repository: Path, program: Path, tmp_path: Path) -> None:
    program.write_text(program.read_text().replace("sleep 0.2", "sleep 3"))
    install(hooks_folder(repository), program=str(program), force=False)
    began = time.monotonic()
    git(repository, "commit", "--quiet", "--allow-empty", "--message", "one")
    assert time.monotonic() - began < 2.5
    wait_for(lambda: calls(tmp_path), what="the hook", seconds=20)
    assert calls(tmp_path) == [f"hooks run {repository} GIT_DIR="]


def test_each_worktree_has_its_own_asked_for(repository: Path, program: Path, tmp_path: Path) -> None:
    git(repository, "commit", "--quiet", "--allow-empty", "--message", "one")
    linked = tmp_path.resolve() / "linked tree"
    git(repository, "worktree", "add", "--quiet", "-b", "linked", str(linked))
    install(hooks_folder(linked), program=str(program), force=False)
    assert hooks_folder(linked).path == hooks_folder(repository).path
    git(linked, "commit", "--quiet", "--allow-empty", "--message", "two")
    wait_for(lambda: calls(tmp_path), what="the hook", seconds=20)
    assert calls(tmp_path) == [f"hooks run {linked} GIT_DIR="]


def test_a_rebase_of_many_commits_asks_at_its_end(repository: Path, program: Path, tmp_path: Path) -> None:
    def commit(name: str) -> None:
        (repository / name).write_text(name)
        git(repository, "add", name)
        git(repository, "commit", "--quiet", "--message", name)

    commit("base")
    git(repository, "checkout", "--quiet", "-b", "topic")
    for number in range(8):
        commit(f"topic{number}")
    git(repository, "checkout", "--quiet", "main")
    commit("upstream")
    git(repository, "checkout", "--quiet", "topic")
    install(hooks_folder(repository), program=str(program), force=False)
    git(repository, "rebase", "--quiet", "main")
    wait_for(lambda: calls(tmp_path), what="the hook", seconds=20)
    time.sleep(1)
    # That it began with a checkout may be told as well. And each hook looks in the background whether a rebase is going
    # on: on a busy machine the last ones look when it is over.
    assert 1 <= len(calls(tmp_path)) < 8


def test_their_hook_runs_as_before_and_decides_alone_what_git_sees(
    repository: Path, program: Path, tmp_path: Path
) -> None:
    put(repository, "post-checkout", b'#!/bin/sh -eu\necho "$#" > ran\nexit 7\n')
    git(repository, "commit", "--quiet", "--allow-empty", "--message", "one")
    install(hooks_folder(repository), program=str(program), force=False)
    with pytest.raises(subprocess.CalledProcessError):  # git fails where theirs does, and only there
        git(repository, "checkout", "--quiet", "-b", "topic")
    assert (repository / "ran").read_text() == "3\n"
    wait_for(lambda: calls(tmp_path), what="the hook", seconds=20)


def test_git_works_where_pgdex_is_gone(repository: Path, program: Path) -> None:
    install(hooks_folder(repository), program=str(program), force=False)
    program.unlink()
    bare = "/usr/local/bin:/usr/bin:/bin"
    git(repository, "commit", "--quiet", "--allow-empty", "--message", "one", PATH=bare)
    git(repository, "checkout", "--quiet", "-b", "topic", PATH=bare)


def test_hooks_that_belong_to_the_project_are_left_alone_unless_forced(repository: Path, program: Path) -> None:
    git(repository, "config", "core.hooksPath", ".husky/_")
    folder = hooks_folder(repository)
    assert folder.tracked
    assert folder.path == repository / ".husky" / "_"
    with pytest.raises(InvalidRequest, match=r"core\.hooksPath"):
        install(folder, program=str(program), force=False)
    assert not folder.path.exists()
    install(folder, program=str(program), force=True)
    assert states(repository) == dict.fromkeys(HOOKS, "own")


def test_a_folder_of_hooks_for_all_repositories_is_known_as_one(
    repository: Path, program: Path, tmp_path: Path
) -> None:
    git(repository, "config", "core.hooksPath", str(tmp_path / "shared"))
    folder = hooks_folder(repository)
    assert (folder.shared, folder.tracked) == (True, False)
    install(folder, program=str(program), force=False)
    assert Hook(HOOK, tmp_path / "shared" / HOOK, "own") in hooks_in(folder)


def test_a_folder_that_is_no_repository_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="not in a git working tree"):
        hooks_folder(tmp_path)
