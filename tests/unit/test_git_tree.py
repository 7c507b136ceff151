"""What a working tree of git is: its repository, worktree, branch and remote; and repositories that mean harm."""

import os
import resource
import shutil
import time
from contextlib import suppress
from pathlib import Path

import pytest

from pgdex.indexer.sources import GitTree, OpenedRoot, RootUnavailable, explain, normalised_remote, walk
from tests.support.git_trees import git, repository, settled
from tests.support.trees import write_tree


def tree_of(root: Path) -> GitTree | None:
    with OpenedRoot(root) as opened:
        return GitTree.of(opened)


def known(root: Path) -> GitTree:
    tree = tree_of(root)
    assert tree is not None
    return tree


def paths(root: Path) -> list[str]:
    return [file.path for file in walk(root)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return repository(tmp_path / "r", {"a.py": "x = 1\n", "d/e/b.py": "x = 1\n"})


@pytest.mark.parametrize(
    "url",
    [
        "git@host.example:team/repo",
        "git@host.example:team/repo.git",
        "host.example:team/repo",
        "HOST.example:/team/repo/",
        "[host.example:22]:team/repo",
        "git@[host.example:22]:team/repo.git",
        "ssh://git@host.example/team/repo.git",
        "ssh://host.example:22//team/repo",
        "git+ssh://git@host.example/team/repo",
        "https://user:p%40ss@Host.Example/team/repo/",
        "https://user:p@ss@host.example:443/team/repo.git/",
        "https://token@host.example/team/repo?private_token=x#y",
        "http://host.example:80/team/repo",
        "git://host.example:9418/team/repo.git",
        "  https://host.example/team/repo.git\n",
    ],
)
def test_all_spellings_of_an_address_are_one(url: str) -> None:
    assert normalised_remote(url) == "host.example/team/repo"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("ssh://git@host:2222/team/repo.git", "host:2222/team/repo"),
        ("[host:2222]:team/repo", "host:2222/team/repo"),
        ("https://host:8443/Team/Repo", "host:8443/Team/Repo"),
        ("https://[::1]:8443/r", "[::1]:8443/r"),
        ("git@[::1]:r", "[::1]/r"),
        ("host:~user/r.git", "host/~user/r"),
        ("https://dev.azure.com/org/My%20Project/_git/r", "dev.azure.com/org/My%20Project/_git/r"),
        ("https://host/r.git.git", "host/r.git"),
    ],
)
def test_what_makes_a_difference_is_kept(url: str, expected: str) -> None:
    assert normalised_remote(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        *("", ".", "..", "../r", "/srv/r.git", "~/r", "r", "C:\\r", "c:/r", "file:///srv/r.git", "file://host/r"),
        *("ext::sh -c date", "fd::3", "codecommit::eu://r", "https://", "https:///r", "https://host", "https://host/"),
        *("host:", "host:/", "git@:r", "https://host:port/r", "https://[::1/r", "ht!tp://host/r", "odd://host/r"),
        *("https://ho st/r", "https://host/r\0x", "a:b\nc", "--upload-pack=x", "https://host/" + "x" * 3_000),
    ],
)
def test_a_local_path_and_what_is_no_address_are_none(url: str) -> None:
    assert normalised_remote(url) is None


def test_a_repository_is_known_by_its_common_directory_branch_and_commit(root: Path) -> None:
    commit = git("rev-parse", "HEAD", at=root).decode().strip()
    tree = known(root)

    assert (tree.common_dir, tree.prefix, tree.is_main_worktree) == (str(root / ".git"), "", True)
    assert (tree.branch, tree.commit, tree.object_format, tree.remote) == ("main", commit, "sha1", None)
    below = known(root / "d" / "e")
    assert (below.common_dir, below.prefix, below.commit) == (tree.common_dir, "d/e", commit)
    assert [*below.index().paths()] == [b"b.py"]

    git("pack-refs", "--all", at=root)
    git("switch", "--quiet", "--create", "feature/one", at=root)
    git("pack-refs", "--all", "--prune", at=root)
    assert (known(root).branch, known(root).commit) == ("feature/one", commit)
    git("switch", "--quiet", "--detach", at=root)
    assert (known(root).branch, known(root).commit) == (None, commit)
    git("switch", "--quiet", "--orphan", "fresh", at=root)
    assert (known(root).branch, known(root).commit) == ("fresh", None)


def test_a_linked_worktree_shares_the_common_directory(root: Path, tmp_path: Path) -> None:
    git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "wt"), at=root)
    settled(tmp_path / "wt")
    tree = known(tmp_path / "wt")

    assert (tree.common_dir, tree.branch) == (str(root / ".git"), "side")
    assert not tree.is_main_worktree
    assert tree.commit == known(root).commit
    assert known(tmp_path / "wt" / "d").prefix == "d"
    assert all(file.blob_id for file in walk(tmp_path / "wt"))
    (tmp_path / "link").symlink_to(tmp_path / "wt")
    assert known(tmp_path / "link") == tree

    git("config", "core.bare", "true", at=root)
    git("config", "core.worktree", "/nowhere", at=root)
    assert known(tmp_path / "wt") == tree, "they say nothing of linked worktrees"


def test_the_remote_is_origin_or_the_only_one_and_only_the_repository_says_which(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text('[remote "origin"]\n\turl = https://elsewhere/x\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    assert known(root).remote is None

    git("remote", "add", "fork", "git@host:me/repo.git", at=root)
    git("config", "url.https://mirror/.insteadOf", "git@host:", at=root)
    assert known(root).remote == "host/me/repo"
    git("remote", "add", "upstream", "git@host:them/repo.git", at=root)
    assert known(root).remote is None
    git("remote", "add", "origin", "https://user:secret@host/team/repo", at=root)
    git("remote", "set-url", "--add", "origin", "https://host/second", at=root)
    assert known(root).remote == "host/team/repo"
    git("config", "--replace-all", "remote.origin.url", str(tmp_path), at=root)
    assert known(root).remote is None


def test_a_submodule_is_a_repository_of_its_own(root: Path, tmp_path: Path) -> None:
    repository(tmp_path / "other")
    git("submodule", "--quiet", "add", str(tmp_path / "other"), "sub", at=root)
    tree = known(root / "sub")

    assert tree.common_dir == str(root / ".git" / "modules" / "sub")
    assert tree.is_main_worktree
    assert [*tree.index().paths()] == [b"a.py"]


def test_a_repository_with_sha256_is_said_to_be_one(tmp_path: Path) -> None:
    tree = known(repository(tmp_path / "r", None, "--object-format=sha256"))

    assert tree.object_format == "sha256"
    assert len(tree.commit or "") == 64


def test_what_is_configured_for_one_worktree_counts_there(root: Path) -> None:
    git("config", "extensions.worktreeConfig", "true", at=root)
    assert known(root).is_main_worktree
    git("config", "--worktree", "core.bare", "true", at=root)
    assert tree_of(root) is None


def test_what_is_no_working_tree_is_none(root: Path, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    assert tree_of(tmp_path / "plain") is None
    git("clone", "--quiet", "--bare", str(root), str(tmp_path / "bare.git"), at=tmp_path)
    assert tree_of(tmp_path / "bare.git") is None
    git("config", "core.bare", "true", at=root)
    assert tree_of(root) is None


def test_a_worktree_whose_repository_is_gone_is_a_plain_folder(root: Path, tmp_path: Path) -> None:
    git("worktree", "add", "--quiet", str(tmp_path / "wt"), at=root)
    shutil.rmtree(root / ".git")

    assert tree_of(tmp_path / "wt") is None
    assert paths(tmp_path / "wt") == ["a.py", "d/e/b.py"]
    assert tree_of(root) is None


@pytest.mark.parametrize("how", ["file", "relative file", "link", "commondir", "worktree in the air"])
def test_a_folder_that_claims_to_be_of_another_repository_is_not_believed(root: Path, tmp_path: Path, how: str) -> None:
    git("worktree", "add", "--quiet", str(tmp_path / "wt"), at=root)
    hostile = tmp_path / "hostile"
    write_tree(hostile, {"a.py": "x = 1\n"})
    pointer = hostile / ".git"
    if how == "file":
        pointer.write_text(f"gitdir: {root}/.git\n")
    elif how == "relative file":
        pointer.write_text("gitdir: ../r/.git/worktrees/wt\n")
    elif how == "link":
        pointer.symlink_to(root / ".git")
    elif how == "commondir":
        pointer.mkdir()
        write_tree(pointer, {"HEAD": "ref: refs/heads/main\n", "commondir": f"{root}/.git\n"})
        write_tree(pointer, {"gitdir": f"{pointer}\n"})
    else:
        made_up = tmp_path / "elsewhere" / "worktrees" / "x"
        write_tree(made_up, {"HEAD": "ref: refs/heads/main\n", "commondir": f"{root}/.git\n"})
        write_tree(made_up, {"gitdir": f"{pointer}\n"})
        pointer.write_text(f"gitdir: {made_up}\n")

    assert tree_of(hostile) is None
    assert paths(hostile) == ["a.py"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="gives files to another user")
def test_a_strangers_repository_above_the_root_is_not_believed(root: Path) -> None:
    assert tree_of(root / "d") is not None
    os.chown(root / ".git", 12345, -1)

    assert tree_of(root / "d") is None
    os.chown(root / "d", 12345, -1)
    assert tree_of(root / "d") is not None, "it is its owner's"


HARMFUL = """
[core]
    fsmonitor = touch {made}; false
    hooksPath = {folder}/hooks
    sshCommand = touch {made}
    pager = touch {made}
    excludesFile = {folder}/fifo
    attributesFile = {folder}/fifo
[include]
    path = {folder}/fifo
    path = /dev/zero
[includeIf "gitdir:/"]
    path = {folder}/fifo
[filter "x"]
    clean = touch {made}; cat
    smudge = touch {made}; cat
    process = touch {made}
    required = true
[remote "origin"]
    url = ext::touch {made}
    uploadpack = touch {made}
[extensions]
    partialClone = origin
"""


def test_nothing_that_a_repository_configures_is_run_or_read(root: Path, tmp_path: Path) -> None:
    settled(root)
    made, folder = tmp_path / "made", tmp_path / "harm"
    write_tree(folder, {"hooks/post-index-change": f"#!/bin/sh\ntouch {made}\n"})
    os.mkfifo(folder / "fifo")
    with (root / ".git" / "config").open("a") as config:
        config.write(HARMFUL.format(made=made, folder=folder))
    write_tree(root, {".gitattributes": "* filter=x\n"})

    started = time.monotonic()
    tree = known(root)
    found = {file.path: file.blob_id for file in walk(root)}
    explain(root, "a.py", max_file_bytes=99)

    assert time.monotonic() - started < 5
    assert tree.remote is None
    assert set(found) == {".gitattributes", "a.py", "d/e/b.py"}
    assert found["a.py"] is not None
    assert not made.exists()


@pytest.mark.parametrize(
    "name", ["config", "HEAD", "index", "commondir", "packed-refs", "info/exclude", "refs/heads/main", "../.gitignore"]
)
@pytest.mark.parametrize("kind", ["pipe", "link to a device", "huge", "garbage", "folder"])
def test_no_file_of_a_git_directory_hangs_a_walk_or_ends_it(root: Path, name: str, kind: str) -> None:
    git("config", "extra.x", "y", at=root)
    path = root / ".git" / name
    path.unlink(missing_ok=True)
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "link to a device":
            path.symlink_to("/dev/zero")
        case "huge":
            path.touch()
            os.truncate(path, 1 << 36)
        case "garbage":
            path.write_bytes(bytes(range(256)) * 20)
        case _:
            path.mkdir()

    started = time.monotonic()
    tree_of(root)
    found = paths(root)

    assert time.monotonic() - started < 5
    assert {"a.py", "d/e/b.py"} <= set(found)


def test_a_process_without_descriptors_takes_no_tracked_file_for_a_deleted_one(tmp_path: Path) -> None:
    root = repository(tmp_path / "r", {"build/a.py": "x = 1\n", ".gitignore": "build/\n"})
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[int] = []
    ends = []
    with OpenedRoot(root, for_listing=True) as opened:
        assert [file.path for file in walk(opened)] == [".gitignore", "build/a.py"]
        resource.setrlimit(resource.RLIMIT_NOFILE, (64 + highest_descriptor(), limits[1]))
        try:
            with suppress(OSError):
                while True:
                    taken.append(os.open(os.devnull, os.O_RDONLY))
            while taken:  # one descriptor more each time, until there are enough
                ends.append(end_of_walk(opened))
                os.close(taken.pop())
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)

    assert set(ends) == {"Too many open files", ".gitignore build/a.py"}


def highest_descriptor() -> int:
    """Of this process: connections that fixtures keep open take some too."""
    return max(map(int, os.listdir("/dev/fd")))


def end_of_walk(root: OpenedRoot) -> str:
    try:
        return " ".join(file.path for file in walk(root))
    except (OSError, RootUnavailable) as error:
        cause = error.__cause__ or error
        return os.strerror(cause.errno or 0) if isinstance(cause, OSError) else str(error)


def test_a_configured_worktree_may_be_anything(root: Path) -> None:
    for value in (b"a\0b", b"/", b"../..", b"\xff", b""):
        (root / ".git" / "config").write_bytes(b"[core]\n\tworktree = " + value + b"\n")
        assert tree_of(root) is None
        assert paths(root) == ["a.py", "d/e/b.py"]
    git("config", "core.worktree", "..", at=root)
    assert known(root).prefix == ""


@pytest.mark.parametrize("target", ["fifo", "/dev/zero", "\0", "x" * 5_000, "", "."])
def test_a_git_file_may_lead_anywhere(tmp_path: Path, target: str) -> None:
    root = write_tree(tmp_path / "r", {"a.py": "x = 1\n", "d/b.py": "x = 1\n"})
    os.mkfifo(root / "fifo")
    for folder in (root, root / "d"):
        (folder / ".git").write_text(f"gitdir: {target}\n")

    assert tree_of(root) is None
    assert paths(root) == ["a.py", "d/b.py", "fifo"]
    (root / ".git").unlink()
    os.mkfifo(root / ".git")
    assert tree_of(root) is None
    assert paths(root) == ["a.py", "d/b.py", "fifo"]


@pytest.mark.parametrize(
    "head",
    [
        *(
            "ref: refs/heads/../../../secret",
            "ref: ../secret",
            "ref: /etc/hostname",
            "ref: secret",
            "ref: HEAD",
            "ref:",
        ),
        *("ref: refs/heads/linked/secret", "ref: refs/heads/loop", "x" * 40, "0" * 39, "ref: refs/heads/a\0b", "\xff"),
    ],
)
def test_a_head_leads_to_nothing_outside_of_references(root: Path, tmp_path: Path, head: str) -> None:
    write_tree(tmp_path, {"secret": "a" * 40 + "\n", "r/.git/secret": "a" * 40 + "\n"})
    (root / ".git" / "refs" / "heads" / "linked").symlink_to(tmp_path)
    (root / ".git" / "refs" / "heads" / "loop").write_text("ref: refs/heads/loop\n")
    (root / ".git" / "HEAD").write_text(head + "\n")

    assert known(root).commit is None
