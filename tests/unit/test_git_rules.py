"""Which files of a working tree count: the walk against git, for tracked files, the user's excludes and worktrees."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgdex.indexer.sources import LeftOut, OpenedRoot, WitnessNotes, explain, walk
from tests.support.git_trees import git, listed, repository, shown
from tests.support.trees import write_tree
from tests.unit.test_ignores import ignore_files

NAMES = (b"a", b"b.c", b"ab", b"x y", "é".encode(), b"\xff", b"!a", b"foo.scratch.py")
FOLDERS = (b"a", b"foo", b"b.d")
PATHS = [
    b"/".join([*folders, name])
    for folders in [(), *[(one,) for one in FOLDERS], *[(one, other) for one in FOLDERS for other in FOLDERS]]
    for name in NAMES
    if name not in FOLDERS
]


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


def found(root: Path) -> set[str]:
    return {file.path for file in walk(root)}


@settings(max_examples=50)
@given(
    tracked=st.lists(st.sampled_from(PATHS), max_size=8, unique=True),
    top=ignore_files,
    deep=ignore_files,
    exclude=ignore_files,
    excludes=ignore_files,
    version=st.sampled_from(["2", "4"]),
)
def test_the_walk_finds_what_git_tracks_and_what_no_rule_names(
    planted: Path, tracked: list[bytes], top: bytes, deep: bytes, exclude: bytes, excludes: bytes, version: str
) -> None:
    (planted / ".gitignore").write_bytes(top)
    (planted / "foo" / ".gitignore").write_bytes(deep)
    (planted / ".git" / "info" / "exclude").write_bytes(exclude)
    (planted.parent / "excludes").write_bytes(excludes)
    (planted / ".git" / "index").unlink(missing_ok=True)
    git("update-index", "--index-version", version, "-z", "--add", "--stdin", at=planted, given=b"\0".join(tracked))
    config = planted.parent / "config"
    git_knows = listed(planted, "-c", "-o", "--exclude-standard", config=config)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_CONFIG_GLOBAL", str(config))
        assert found(planted) == git_knows
        taken = {shown(path) for path in PATHS if says_taken(planted, path)}
    assert taken == git_knows & {shown(path) for path in PATHS}


def says_taken(root: Path, path: bytes) -> bool:
    """Whether `explain` says so; of a name that no database holds, that it is not ignored."""
    return explain(root, os.fsdecode(path), max_file_bytes=1 << 20).fate in ("taken", "skipped")


def test_a_tracked_file_counts_although_a_rule_names_its_folder_and_only_it(tmp_path: Path) -> None:
    root = repository(tmp_path / "r", {"build/deep/release.py": "x = 1\n", ".gitignore": "build/\n"})
    write_tree(root, {"build/deep/other.py": "x = 1\n", "build/more/a.py": "x = 1\n", "build/b.py": "x = 1\n"})
    left_out = LeftOut()

    assert [file.path for file in walk(root, left_out=left_out)] == [".gitignore", "build/deep/release.py"]
    assert [str(rule) for rule in left_out.most(os.fsencode(root), number=9)] == [".gitignore:1 `build/`"]
    assert left_out.entries == 3
    assert found(root / "build") == {"b.py", "deep/other.py", "deep/release.py", "more/a.py"}, "asked for by name"
    assert explain(root, "build/deep/release.py", max_file_bytes=99).fate == "taken"
    for path, at in (("build/deep/other.py", "build/deep/other.py"), ("build/more/a.py", "build/more")):
        told = explain(root, path, max_file_bytes=99)
        assert (told.fate, told.at, str(told.rule)) == ("ignored", at, ".gitignore:1 `build/`")


def test_what_our_own_rules_leave_out_stays_out_although_it_is_tracked(tmp_path: Path) -> None:
    root = repository(
        tmp_path / "r",
        {
            **dict.fromkeys(("node_modules/a.js", "env/a.py", "own/a.py", "ignored/node_modules/a.js"), "x = 1\n"),
            "env/pyvenv.cfg": "x\n",
            ".gitignore": "ignored\n",
            ".pgdexignore": "own/\n!ignored/b.py\n",
        },
    )
    write_tree(root, {"ignored/b.py": "x = 1\n"})

    assert found(root) == {".gitignore", ".pgdexignore"}


def test_a_file_is_tracked_below_the_root_and_not_by_its_name(tmp_path: Path) -> None:
    root = repository(tmp_path / "r", {"sub/d/kept.log": "x\n", ".gitignore": "*.log\n"})
    write_tree(root, {"sub/kept.log": "x\n", "sub/d/other.log": "x\n"})

    assert found(root / "sub") == {"d/kept.log"}
    assert explain(root / "sub", "d/kept.log", max_file_bytes=99).fate == "taken"


def test_without_gits_rules_the_users_excludes_are_off_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = repository(tmp_path / "r", {"a.py": "x = 1\n"})
    write_tree(root, {"b.scratch.py": "x = 1\n"})
    excludes = users_excludes(tmp_path / "home", monkeypatch)
    left_out = LeftOut()

    assert [file.path for file in walk(root, left_out=left_out)] == ["a.py"]
    assert [str(rule) for rule in left_out.most(os.fsencode(root), number=9)] == [f"{excludes}:2 `*.scratch.py`"]
    told = explain(root, "b.scratch.py", max_file_bytes=99)
    assert (told.fate, str(told.rule)) == ("ignored", f"{excludes}:2 `*.scratch.py`")
    assert [file.path for file in walk(root, heeds_git=False)] == ["a.py", "b.scratch.py"]
    assert explain(root, "b.scratch.py", max_file_bytes=99, heeds_git=False).fate == "taken"


def users_excludes(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose configuration, by way of an included file, names excludes."""
    write_tree(
        home,
        {
            ".gitconfig": "[include]\n\tpath = more.config\n\tpath = missing\n[user]\n\tname = x\n",
            "more.config": '[core]\n\texcludesfile = "~/excludes" # mine\n',
            "excludes": "# all of these\n*.scratch.py\n",
        },
    )
    monkeypatch.delenv("GIT_CONFIG_GLOBAL")
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(home))
    return home / "excludes"


def test_the_users_excludes_hold_inside_of_repositories_and_below_all_other_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    users_excludes(tmp_path / "home", monkeypatch)
    folder = tmp_path / "folder"
    root = repository(folder / "r", {".gitignore": "!kept.scratch.py\n"})
    write_tree(folder, {"a.scratch.py": "x = 1\n", "r/a.scratch.py": "x = 1\n", "r/kept.scratch.py": "x = 1\n"})

    assert found(root) == {".gitignore", "kept.scratch.py"}
    assert found(folder) == {"a.scratch.py", "r/.gitignore", "r/kept.scratch.py"}


def test_the_usual_place_of_excludes_counts_where_nothing_is_configured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = repository(tmp_path / "r")
    write_tree(root, {"b.log": "x\n", "c.tmp": "x\n"})
    write_tree(tmp_path, {"home/.config/git/ignore": "*.log\n", "xdg/git/ignore": "*.tmp\n"})
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    assert found(root) == {"a.py", "c.tmp"}
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    assert found(root) == {"a.py", "b.log"}


def test_a_repository_names_no_excludes_itself(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    write_tree(root, {"b.log": "x\n"})
    (tmp_path / "rules").write_text("*\n")
    git("config", "core.excludesFile", str(tmp_path / "rules"), at=root)

    assert found(root) == {"a.py", "b.log"}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="gives a folder to another user")
def test_the_users_excludes_do_not_hold_in_a_folder_of_somebody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    users_excludes(tmp_path / "home", monkeypatch)
    root = repository(tmp_path / "r")
    write_tree(root, {"b.scratch.py": "x = 1\n"})
    os.chown(root, 12345, -1)

    assert found(root) == {"a.py", "b.scratch.py"}


def test_linked_worktrees_inside_are_left_out_and_said_to_be_and_submodules_are_not(tmp_path: Path) -> None:
    repository(tmp_path / "other", {"inner.py": "x = 1\n"})
    root = repository(tmp_path / "r")
    git("submodule", "--quiet", "add", str(tmp_path / "other"), "sub", at=root)
    for name in ("a", "b", "gone"):
        git("worktree", "add", "--quiet", f".claude/worktrees/{name}", at=root)
    shutil.rmtree(root / ".git" / "worktrees" / "gone")
    left_out, notes = LeftOut(), WitnessNotes()

    with OpenedRoot(root, for_listing=True) as opened:
        assert [file.path for file in walk(opened, left_out=left_out, notes=notes)] == [
            *(".gitmodules", "a.py", "sub/inner.py")
        ]
        notes.witness(opened).require(opened)
    counted = left_out.most(os.fsencode(root), number=9)
    assert [(str(rule), rule.entries) for rule in counted] == [("built-in rule `linked worktrees`", 3)]
    told = explain(root, ".claude/worktrees/b/a.py", max_file_bytes=99)
    assert (told.fate, told.at, str(told.rule)) == (
        *("ignored", ".claude/worktrees/b", "built-in rule `linked worktrees`"),
    )
    assert explain(root, "sub/inner.py", max_file_bytes=99).fate == "taken"


def test_a_linked_worktree_is_a_tree_of_its_own_and_can_be_brought_back(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    git("worktree", "add", "--quiet", "wt/a", at=root)
    git("worktree", "add", "--quiet", "../beside", at=root)
    git("worktree", "add", "--quiet", "../beside/inside", at=root)
    write_tree(root, {"wt/a/new.py": "x = 1\n"})

    assert found(root) == {"a.py"}
    assert found(root / "wt" / "a") == {"a.py", "new.py"}
    assert found(tmp_path / "beside") == {"a.py"}
    assert found(tmp_path) == {"r/a.py", "r/wt/a/a.py", "r/wt/a/new.py", "beside/a.py", "beside/inside/a.py"}
    write_tree(root, {".pgdexignore": "!/wt/a/\n"})
    assert found(root) == {".pgdexignore", "a.py", "wt/a/a.py", "wt/a/new.py"}
    assert explain(root, "wt/a/a.py", max_file_bytes=99).fate == "taken"
