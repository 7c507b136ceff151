"""Which events of a working tree count: the rules for single paths against the walk, with what git tracks, the user's
excludes and linked worktrees."""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgdex.indexer.sources import CachedRules, Concern, walk
from tests.support.git_trees import git, repository
from tests.support.trees import write_tree
from tests.unit.test_git_rules import FOLDERS, PATHS
from tests.unit.test_ignores import ignore_files

LIMIT = 10_000
EVERY_FOLDER = [*FOLDERS, *(b"/".join((one, other)) for one in FOLDERS for other in FOLDERS)]


@pytest.fixture(scope="module")
def planted() -> Iterator[Path]:
    """A repository for all examples, and beside it a user's configuration that names a file of excludes."""
    with TemporaryDirectory() as folder:
        top = Path(folder, "r")
        Path(folder, "config").write_text(f"[core]\n\texcludesFile = {folder}/excludes\n")
        top.mkdir()
        git("init", "--quiet", at=top)
        for path in PATHS:
            file = os.path.join(os.fsencode(top), path)
            os.makedirs(os.path.dirname(file), exist_ok=True)
            Path(os.fsdecode(file)).write_text("x = 1\n")
        yield top


@settings(max_examples=100, deadline=None)
@given(
    tracked=st.lists(st.sampled_from(PATHS), max_size=6, unique=True),
    top=ignore_files,
    deep=ignore_files,
    own=ignore_files,
    excludes=ignore_files,
    root=st.sampled_from([b"", b"foo"]),
)
def test_a_change_counts_exactly_where_the_walk_lists_the_file(
    planted: Path, tracked: list[bytes], top: bytes, deep: bytes, own: bytes, excludes: bytes, root: bytes
) -> None:
    (planted / ".gitignore").write_bytes(top)
    (planted / "foo" / ".gitignore").write_bytes(deep)
    (planted / "foo" / ".pgdexignore").write_bytes(own)
    (planted.parent / "excludes").write_bytes(excludes)
    (planted / ".git" / "index").unlink(missing_ok=True)
    git("update-index", "-z", "--add", "--stdin", at=planted, given=b"\0".join(tracked))
    at = planted / os.fsdecode(root)
    prefix = root and root + b"/"
    below = [path.removeprefix(prefix) for path in PATHS if path.startswith(prefix) and b"\xff" not in path]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_CONFIG_GLOBAL", str(planted.parent / "config"))
        entered: set[bytes] = set()
        listed = {found.path for found in walk(at, entering=entered.add)}
        rules = CachedRules(at, max_file_bytes=LIMIT)
        folders = [folder.removeprefix(prefix) for folder in EVERY_FOLDER if folder.startswith(prefix)]
        assert {path.decode() for path in below if rules.concern(path) is Concern.FILE} == listed & {
            path.decode() for path in below
        }
        assert {folder for folder in folders if rules.concern(folder) is Concern.FOLDER} == entered - {b""}
        assert set(rules.entered()) == entered


def test_a_tracked_file_counts_also_when_it_is_gone_and_its_neighbour_does_not(tmp_path: Path) -> None:
    root = repository(tmp_path / "r", {"build/release.py": "x = 1\n", ".gitignore": "build/\n"})
    write_tree(root, {"build/out.py": "x = 1\n"})
    rules = CachedRules(root, max_file_bytes=LIMIT)
    for _ in range(2):
        assert rules.concern(b"build/release.py") is Concern.FILE
        assert rules.concern(b"build/out.py") is Concern.NOTHING
        (root / "build" / "release.py").unlink(missing_ok=True)
        (root / "build" / "out.py").unlink(missing_ok=True)


def test_what_git_tracks_from_now_on_counts_once_the_rules_are_read_again(tmp_path: Path) -> None:
    root = repository(tmp_path / "r", {"a.py": "x = 1\n", ".gitignore": "*.log\n"})
    write_tree(root, {"kept.log": "x\n"})
    rules = CachedRules(root, max_file_bytes=LIMIT)
    assert rules.concern(b"kept.log") is Concern.NOTHING
    git("add", "--force", "kept.log", at=root)
    rules.forget()
    assert rules.concern(b"kept.log") is Concern.FILE


def test_nothing_in_a_linked_worktree_inside_counts_and_a_nested_repository_does(tmp_path: Path) -> None:
    root = repository(tmp_path / "r", {"a.py": "x = 1\n"})
    rules = CachedRules(root, max_file_bytes=LIMIT)
    git("worktree", "add", "--quiet", "trees/w", at=root)
    repository(root / "nested", {"n.py": "x = 1\n"})
    assert rules.concern(b"trees/w/a.py") is Concern.NOTHING
    assert rules.concern(b"nested/n.py") is Concern.FILE
    assert set(rules.entered()) == {b"", b"trees", b"nested"}
    write_tree(root, {".pgdexignore": "!/trees/w/\n"})
    rules.forget()
    assert rules.concern(b"trees/w/a.py") is Concern.FILE


def test_a_folder_becomes_a_worktree_when_its_git_file_appears(tmp_path: Path) -> None:
    root = repository(tmp_path / "r", {"a.py": "x = 1\n"})
    write_tree(root, {"w/a.py": "x = 1\n"})
    rules = CachedRules(root, max_file_bytes=LIMIT)
    assert rules.concern(b"w/a.py") is Concern.FILE
    (root / "w" / ".git").write_text(f"gitdir: {root}/.git/worktrees/w\n")
    assert rules.concern(b"w/.git") is Concern.EVERYTHING
    assert rules.concern(b"w/a.py") is Concern.NOTHING
