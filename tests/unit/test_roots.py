"""The root of a tree is opened once: nothing that is exchanged afterwards leads out of it."""

import ctypes
import os
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from pgdex.indexer.sources import (
    OpenedRoot,
    RootUnavailable,
    Skipped,
    SkipReason,
    SourceText,
    read_source,
    roots,
    walk,
)
from pgdex.indexer.sources.roots import HAS_OPENAT, MAX_OPEN_FOLDERS
from pgdex.jobs.errors import InvalidRequest
from pgdex.jobs.repository_path import opened_root
from tests.unit.source_files import LIMIT, skipped, text_of, write

RENAME_EXCHANGE = 2
HERE = -100  # AT_FDCWD


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A folder outside, with the names of the tree's own files."""
    write(tmp_path / "secret", "a.py", "d/a.py", "d/e/a.py", content="TOPSECRET = 1\n")
    return tmp_path / "secret"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path / "allowed" / "root", "a.py", "d/a.py", "d/e/a.py")
    return tmp_path / "allowed" / "root"


def exchange(one: Path, other: Path) -> None:
    """Each under the name of the other, in one step."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(HERE, os.fsencode(one), HERE, os.fsencode(other), RENAME_EXCHANGE):
        raise OSError(ctypes.get_errno(), "renameat2")


def test_a_root_that_is_exchanged_after_it_was_opened_is_still_the_one_that_was_opened(
    root: Path, secret: Path
) -> None:
    with OpenedRoot(root) as opened, OpenedRoot(root, for_listing=True) as listed:
        root.rename(root.with_name("moved"))
        root.symlink_to(secret)

        assert text_of(read_source(opened, "d/a.py", max_file_bytes=LIMIT)) == "x = 1\n"
        with pytest.raises(RootUnavailable, match="was replaced"):
            read_source(opened, "d/b.py", max_file_bytes=LIMIT)
        found = walk(listed)
        assert next(found).size == len("x = 1\n")


def test_a_folder_that_is_exchanged_for_a_link_is_not_followed_whether_it_is_open_or_not(
    root: Path, secret: Path
) -> None:
    with OpenedRoot(root) as cold, OpenedRoot(root) as warm:
        assert text_of(read_source(warm, "d/e/a.py", max_file_bytes=LIMIT)) == "x = 1\n"
        (root / "d").rename(root / "was_d")
        (root / "d").symlink_to(secret / "d")

        assert text_of(read_source(warm, "d/a.py", max_file_bytes=LIMIT)) == "x = 1\n", "from the folder itself"
        result = read_source(cold, "d/e/a.py", max_file_bytes=LIMIT)
        assert isinstance(result, Skipped)
        assert (result.reason, result.detail) == (SkipReason.SYMLINK, "the folder d on its path is a link")


def make_link(path: Path, secret: Path) -> None:
    path.symlink_to(secret / "a.py")


def make_pipe(path: Path, _secret: Path) -> None:
    os.mkfifo(path)


def make_device(path: Path, _secret: Path) -> None:
    os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))  # /dev/zero


@pytest.mark.parametrize(
    ("make", "reason"),
    [(make_link, SkipReason.SYMLINK), (make_pipe, SkipReason.SPECIAL), (make_device, SkipReason.SPECIAL)],
)
def test_what_has_taken_the_place_of_a_file_is_neither_followed_nor_waited_for(
    root: Path, secret: Path, make: Callable[[Path, Path], None], reason: SkipReason
) -> None:
    with OpenedRoot(root) as opened:
        (root / "d" / "a.py").unlink()
        try:
            make(root / "d" / "a.py", secret)
        except PermissionError:
            pytest.skip("only root makes devices")

        assert skipped(read_source(opened, "d/a.py", max_file_bytes=LIMIT)) is reason


@pytest.mark.skipif(sys.platform != "linux", reason="renameat2 is Linux's")
@pytest.mark.parametrize("name", ["root", "root/d", "root/d/e"])
def test_exchanging_folders_again_and_again_never_shows_what_is_outside(root: Path, secret: Path, name: str) -> None:
    target = root.parent / name
    link = root.parent / "link"
    link.symlink_to(secret / Path(name).relative_to("root"))
    over = threading.Event()

    def flip() -> None:
        while not over.is_set():
            exchange(target, link)

    flipping = threading.Thread(target=flip)
    flipping.start()
    read = 0
    try:
        for _ in range(400):
            try:
                with opened_root(root, allowed_roots=(root.parent,), for_listing=True) as opened:
                    assert opened.identity != _identity(secret)
                    for file in walk(opened):
                        assert file.size != len("TOPSECRET = 1\n"), file
                with opened_root(root, allowed_roots=(root.parent,)) as opened:
                    for path in ("a.py", "d/a.py", "d/e/a.py"):
                        result = read_source(opened, path, max_file_bytes=LIMIT)
                        if isinstance(result, SourceText):
                            read += 1
                            assert result.text == "x = 1\n"
            except (RootUnavailable, InvalidRequest):
                continue
    finally:
        over.set()
        flipping.join()
    assert read or name == "root", "it was the folder itself now and then"


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def test_a_root_is_reached_from_the_allowed_folder_and_through_no_link(tmp_path: Path, secret: Path) -> None:
    (tmp_path / "allowed" / "above").mkdir(parents=True)
    (tmp_path / "allowed" / "above" / "link").symlink_to(secret)

    with pytest.raises(RootUnavailable, match="cannot be opened"):
        # As if the check had seen a folder there.
        OpenedRoot(tmp_path / "allowed" / "above" / "link", within=tmp_path / "allowed")
    (tmp_path / "allowed" / "above" / "folder").mkdir()
    OpenedRoot(tmp_path / "allowed" / "above" / "folder", within=tmp_path / "allowed").close()


def test_ignore_files_are_read_from_the_folder_that_is_listed(root: Path, secret: Path) -> None:
    (secret / ".gitignore").write_text("a.py\n")
    (root / ".gitignore").write_text("b.py\n")
    write(root, "b.py")
    with OpenedRoot(root, for_listing=True) as opened:
        root.rename(root.with_name("moved"))
        root.symlink_to(secret)

        found = walk(opened)
        assert [next(found).path for _ in range(2)] == [".gitignore", "a.py"]


def test_few_folders_stay_open_however_many_and_however_deep_they_are(tmp_path: Path) -> None:
    for number in range(60):
        write(tmp_path, "/".join(["d"] * number + [f"e{number}", "a.py"]))
    before = len(os.listdir("/dev/fd"))
    with OpenedRoot(tmp_path) as opened, OpenedRoot(tmp_path, for_listing=True) as listed:
        most = 0
        for file in walk(listed):
            assert text_of(read_source(opened, file.path, max_file_bytes=LIMIT)) == "x = 1\n"
            most = max(most, len(os.listdir("/dev/fd")))
        assert most - before <= 2 * (MAX_OPEN_FOLDERS + 1) + 1
    assert len(os.listdir("/dev/fd")) == before


def test_a_root_whose_own_path_is_near_the_systems_limit_is_indexed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "n" * 200
    monkeypatch.chdir(tmp_path)
    for _ in range(17):  # 3,400 bytes, and what lies below goes beyond the 4,096 that a path may have
        os.mkdir(name)
        os.chdir(name)
    root = Path(os.getcwd())
    for _ in range(4):
        os.mkdir(name)
        os.chdir(name)
    Path("a.py").write_text("x = 1\n")
    path = "/".join([name] * 4 + ["a.py"])

    assert [(file.path, file.skip_reason) for file in walk(root)] == [(path, None)]
    assert text_of(read_source(root, path, max_file_bytes=LIMIT)) == "x = 1\n"


def test_without_openat_links_are_not_followed_either(
    root: Path, secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert HAS_OPENAT or sys.platform == "win32"
    monkeypatch.setattr(roots, "HAS_OPENAT", False)
    (root / "link").symlink_to(secret)

    assert {file.path: file.skip_reason for file in walk(root)} == {
        "a.py": None,
        "d/a.py": None,
        "d/e/a.py": None,
        "link": SkipReason.SYMLINK,
    }
    assert text_of(read_source(root, "d/e/a.py", max_file_bytes=LIMIT)) == "x = 1\n"
    assert skipped(read_source(root, "link/a.py", max_file_bytes=LIMIT)) is SkipReason.SYMLINK
