"""A walk of some paths only: what the whole walk would say of them, and nothing else."""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgdex.indexer.sources import FoundFile, LeftOut, walk
from tests.support.git_trees import git, repository
from tests.support.trees import write_tree

FILES: dict[str, str | bytes] = {
    ".gitignore": "*.log\n/out/\n",
    ".pgdexignore": "/private/\n!/node_modules/ours/\n",
    "a": "x\n",
    "a-b/c.py": "x = 1\n",
    "ab/c.py": "x = 1\n",
    "b/.gitignore": "gen_*\n",
    "b/c.log": "x\n",
    "b/c.py": "x = 1\n",
    "b/deep/er/d.py": "x = 1\n",
    "b/gen_c.py": "x = 1\n",
    "env/lib/site.py": "x = 1\n",
    "env/pyvenv.cfg": "home = /usr\n",
    "node_modules/m/index.js": "x\n",
    "node_modules/ours/index.js": "x\n",
    "out/kept.py": "x = 1\n",
    "out/made.py": "x = 1\n",
    "private/p.py": "x = 1\n",
    "vendor/modules.txt": "# x\n",
    "vendor/x/x.go": "package x\n",
    "日本語/語.md": "# x\n",
}
WANTED = sorted({*FILES, *(str(folder) for file in FILES for folder in Path(file).parents if str(folder) != ".")})
OTHERS = ("gone.py", "b/gone.py", "gone/x", "link", "linked/a", "a/x")


@pytest.fixture(scope="module")
def tree() -> Iterator[Path]:
    """A repository with rules of every kind, and a file that is tracked although one names it."""
    with TemporaryDirectory() as folder:
        root = repository(Path(folder, "r"), {"out/kept.py": "x = 1\n"})
        write_tree(root, FILES)
        git("worktree", "add", "--quiet", "linked", at=root)
        (root / "link").symlink_to("a")
        yield root


def whole(root: Path) -> list[FoundFile]:
    return list(walk(root))


@settings(max_examples=200, deadline=None)
@given(
    only=st.lists(st.sampled_from([*WANTED, "gone.py", "b/gone.py", "gone/x", "link", "linked/a", "a/x"]), max_size=5)
)
def test_what_is_listed_is_what_the_whole_walk_says_of_these_paths(tree: Path, only: list[str]) -> None:
    def is_asked_for(path: str) -> bool:
        return any(path == one or path.startswith(f"{one}/") or one.startswith(f"{path}/") for one in only)

    # A row of a folder that is not entered speaks for all in it.
    assert list(walk(tree, only=only)) == [file for file in whole(tree) if is_asked_for(file.path)]


def test_nothing_else_is_entered_or_counted(tree: Path) -> None:
    entered: list[bytes] = []
    left_out = LeftOut()
    list(walk(tree, only=["b/c.py", "b/c.log"], entering=entered.append, left_out=left_out))
    assert (entered, left_out.entries) == ([b"", b"b"], 1)


def test_a_folder_that_a_file_has_become_and_the_reverse(tree: Path, tmp_path: Path) -> None:
    root = write_tree(tmp_path, {"x/y.py": "x = 1\n"})
    os.rename(root / "x", root / "z")
    (root / "x").write_text("now a file\n")
    assert [file.path for file in walk(root, only=["x", "x/y.py", "z"])] == ["x", "z/y.py"]
