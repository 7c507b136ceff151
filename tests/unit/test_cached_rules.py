"""Which events of a tree count, judged by the rules of the walk, one path at a time."""

import os
import time
from pathlib import Path

import pytest

from pgdex.indexer.sources import CachedRules, Concern, walk
from tests.support.documents import without_packages
from tests.support.trees import write_tree

LIMIT = 10_000
TREE: dict[str, str | bytes] = {
    ".gitignore": "*.log\n/build/\n!keep.log\n",
    ".pgdexignore": "/private/\n!/node_modules/ours/\n",
    "a.py": "x = 1\n",
    "notes.log": "x\n",
    "keep.log": "x\n",
    "build/out.py": "x = 1\n",
    "private/p.py": "x = 1\n",
    "src/.gitignore": "gen_*\n",
    "src/b.py": "x = 1\n",
    "src/gen_b.py": "x = 1\n",
    "src/deep/er/c.py": "x = 1\n",
    "node_modules/m/index.js": "x\n",
    "env/pyvenv.cfg": "home = /usr\n",
    "env/lib/site.py": "x = 1\n",
    "package-lock.json": "{}\n",
    ".env": "KEY=1\n",
    ".github/ci.yml": "on: push\n",
    "large.txt": "x" * (LIMIT + 1),
    "日本語.md": "# x\n",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A git repository with rules of every kind."""
    root = write_tree(tmp_path / "tree", TREE)
    (root / ".git" / "objects").mkdir(parents=True)
    (root / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    return root


def rules_of(root: Path, *, heeds_git: bool = True) -> CachedRules:
    return CachedRules(root, max_file_bytes=LIMIT, heeds_git=heeds_git)


@pytest.mark.parametrize("heeds_git", [True, False])
def test_a_change_counts_exactly_where_the_walk_lists_the_file_to_be_read(tree: Path, heeds_git: bool) -> None:
    listed = {found.path for found in walk(tree, max_file_bytes=LIMIT, heeds_git=heeds_git) if not found.skip_reason}
    rules = rules_of(tree, heeds_git=heeds_git)
    rules_files = {".gitignore", ".pgdexignore", "src/.gitignore", "env/pyvenv.cfg"}
    counted = {name for name in TREE if rules.concern(name.encode()) is Concern.FILE} - {"large.txt"}
    assert counted == listed - rules_files


def test_a_change_of_a_document_counts_whoever_can_read_it(tree: Path) -> None:
    (tree / "a.pdf").write_bytes(b"%PDF-1.7\n")
    assert rules_of(tree).concern(b"a.pdf") is Concern.FILE
    with without_packages("pypdf"):
        assert rules_of(tree).concern(b"a.pdf") is Concern.FILE


def test_the_folders_to_watch_are_those_that_the_walk_enters(tree: Path) -> None:
    entered: set[bytes] = set()
    list(walk(tree, max_file_bytes=LIMIT, entering=entered.add))
    left_at_the_door = {b"env"}  # listed, and then left out by what is in it
    assert set(rules_of(tree).entered()) == entered - left_at_the_door


def test_a_change_of_an_ignore_file_is_a_change_of_everything_and_its_rules_hold_at_once(tree: Path) -> None:
    rules = rules_of(tree)
    assert rules.concern(b"src/gen_b.py") is Concern.NOTHING
    (tree / "src" / ".gitignore").write_text("b.py\n")
    assert rules.concern(b"src/.gitignore") is Concern.EVERYTHING
    assert rules.concern(b"src/gen_b.py") is Concern.FILE
    assert rules.concern(b"src/b.py") is Concern.NOTHING


def test_a_folder_becomes_an_environment_when_its_marker_appears(tree: Path) -> None:
    rules = rules_of(tree)
    assert rules.concern(b"src/deep/er/c.py") is Concern.FILE
    (tree / "src" / "deep" / "CACHEDIR.TAG").write_text("Signature: 8a477f597d28d172789f06886806bc55\n")
    assert rules.concern(b"src/deep/CACHEDIR.TAG") is Concern.EVERYTHING
    assert rules.concern(b"src/deep/er/c.py") is Concern.NOTHING


def test_what_is_gone_counts_as_a_file_or_as_the_folder_that_it_was(tree: Path) -> None:
    rules = rules_of(tree)
    assert set(rules.entered()) >= {b"src/deep", b"src/deep/er"}
    os.rename(tree / "src" / "deep", tree / "elsewhere")
    (tree / "a.py").unlink()
    (tree / "notes.log").unlink()
    assert rules.concern(b"src/deep") is Concern.FOLDER
    assert rules.concern(b"elsewhere") is Concern.FOLDER
    assert rules.concern(b"src/deep/er/c.py") is Concern.NOTHING  # its folder says it already
    assert rules.concern(b"a.py") is Concern.FILE
    assert rules.concern(b"notes.log") is Concern.NOTHING


def test_a_file_that_is_too_large_counts_once_and_not_with_each_line_that_is_added(tree: Path) -> None:
    rules = rules_of(tree)
    assert rules.concern(b"large.txt") is Concern.FILE
    assert rules.concern(b"large.txt") is Concern.NOTHING
    (tree / "large.txt").write_text("small again\n")
    assert rules.concern(b"large.txt") is Concern.FILE


def test_a_file_that_was_emptied_counts(tree: Path) -> None:
    (tree / "a.py").write_text("")
    assert rules_of(tree).concern(b"a.py") is Concern.FILE


def test_names_that_are_not_utf_8_and_pipes_count_for_nothing(tree: Path) -> None:
    with open(os.fsencode(tree) + b"/caf\xe9.py", "w") as file:
        file.write("x = 1\n")
    os.mkfifo(tree / "pipe")
    rules = rules_of(tree)
    assert rules.concern(b"caf\xe9.py") is Concern.NOTHING
    assert rules.concern(b"pipe") is Concern.NOTHING


def test_an_event_in_node_modules_costs_microseconds(tree: Path) -> None:
    rules = rules_of(tree)
    rules.concern(b"node_modules/m/index.js")
    began = time.process_time()
    for number in range(10_000):
        rules.concern(b"node_modules/m/lib/%d.js" % number)
    assert time.process_time() - began < 0.5  # 50 µs each; on an idle machine it is 2
