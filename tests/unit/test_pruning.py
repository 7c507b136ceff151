"""Folders and files that are left out for what they are, and those that must not be."""

from pathlib import Path

import pytest

from pgdex.indexer.sources import SkipReason, walk
from pgdex.indexer.sources.pruning import LOCK_FILES, PRUNED, VERSION_CONTROL
from tests.unit.source_files import paths, skips, write


def test_hidden_files_and_folders_are_searched(tmp_path: Path) -> None:
    hidden = [
        ".devcontainer/devcontainer.json",
        ".eslintrc.js",
        ".github/workflows/ci.yml",
        ".gitignore",
        ".vscode/x.json",
    ]
    write(tmp_path, *hidden, content="{}")

    assert paths(tmp_path) == hidden


@pytest.mark.parametrize("name", [*sorted(PRUNED | VERSION_CONTROL), b"pgdex.egg-info"])
def test_installed_and_cached_things_leave_no_trace(tmp_path: Path, name: bytes) -> None:
    folder = name.decode()
    write(tmp_path, f"{folder}/a.py", f"d/{folder}/e/b.py", "f/c.py")

    assert paths(tmp_path) == ["f/c.py"]


def test_a_file_with_the_name_of_a_pruned_folder_is_a_file(tmp_path: Path) -> None:
    write(tmp_path, ".cache", "node_modules", ".git")

    assert paths(tmp_path) == [".cache", "node_modules"]


def test_links_with_the_name_of_a_pruned_folder_leave_no_trace(tmp_path: Path) -> None:
    write(tmp_path, "a.py")
    (tmp_path / "node_modules").symlink_to("/nowhere")
    (tmp_path / ".git").symlink_to("/nowhere")

    assert paths(tmp_path) == ["a.py"]


@pytest.mark.parametrize("marker", ["pyvenv.cfg", "conda-meta/history", "CACHEDIR.TAG"])
def test_environments_and_caches_of_any_name_are_known_by_their_marker(tmp_path: Path, marker: str) -> None:
    write(tmp_path, f"env/{marker}", "env/lib/a.py", "src/env/b.py")

    assert paths(tmp_path) == ["src/env/b.py"]


@pytest.mark.parametrize(
    ("marker", "folder"),
    [
        ("vendor/modules.txt", "vendor"),
        ("php/vendor/autoload.php", "php/vendor"),
        ("crates/serde/.cargo-checksum.json", "crates/serde"),
        ("Pods/Manifest.lock", "Pods"),
        ("vendor/bundle/ruby/x", "vendor/bundle"),
    ],
)
def test_a_folder_that_a_package_manager_filled_has_one_row(tmp_path: Path, marker: str, folder: str) -> None:
    write(tmp_path, marker, f"{folder}/d/a.py", "src/b.py")

    rows = {file.path: file.skip_reason for file in walk(tmp_path)}
    assert rows == {folder: SkipReason.VENDORED, "src/b.py": None}


def test_a_vendor_folder_without_a_package_managers_list_is_source_code(tmp_path: Path) -> None:
    write(tmp_path, "third_party/zlib/inflate.c", "vendor/models.py")

    assert skips(tmp_path) == {}
    assert paths(tmp_path) == ["third_party/zlib/inflate.c", "vendor/models.py"]


def test_pgdexignore_brings_pruned_and_vendored_folders_back(tmp_path: Path) -> None:
    write(tmp_path, "node_modules/a.js", "d/node_modules/b.js", "env/pyvenv.cfg", "vendor/modules.txt", "vendor/c.go")
    write(tmp_path, ".pgdexignore", content="!/node_modules/\n!vendor/\n!env\n")

    assert paths(tmp_path) == [
        ".pgdexignore",
        "env/pyvenv.cfg",
        "node_modules/a.js",
        "vendor/c.go",
        "vendor/modules.txt",
    ]


def test_a_whitelist_in_gitignore_brings_no_pruned_folder_back(tmp_path: Path) -> None:
    write(tmp_path, "node_modules/a.py", ".git/b.py", "d/c.py", "d/e.txt")
    write(tmp_path, ".gitignore", content="*\n!*/\n!*.py\n")

    assert paths(tmp_path) == ["d/c.py"]


def test_version_control_stays_out_whatever_pgdexignore_says(tmp_path: Path) -> None:
    write(tmp_path, ".git/config", ".hg/x", ".pgdexignore", content="!*\n!.git/\n!.hg/\n")

    assert paths(tmp_path) == [".pgdexignore"]


@pytest.mark.parametrize("name", ["node_modules", ".git", "vendor", "site-packages"])
def test_a_root_is_walked_whatever_its_name_and_markers(tmp_path: Path, name: str) -> None:
    root = tmp_path / name
    write(root, "a.js", "pyvenv.cfg", "modules.txt")

    assert paths(root) == ["a.js", "modules.txt", "pyvenv.cfg"]


def test_lock_files_are_generated(tmp_path: Path) -> None:
    write(tmp_path, *(name.decode() for name in LOCK_FILES))

    assert {reason for reason, _ in skips(tmp_path).values()} == {SkipReason.GENERATED}
    assert len(skips(tmp_path)) == len(LOCK_FILES)
