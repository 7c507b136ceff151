"""Walking a tree: what gets a row, what gets none, and in which order."""

import itertools
import os
import socket
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdex.indexer.sources import (
    MAX_PATH_BYTES,
    FoundFile,
    RootUnavailable,
    Skipped,
    SkipReason,
    SourceText,
    WalkAborted,
    read_source,
    walk,
)
from tests.unit.privileges import tree_of_a_plain_user
from tests.unit.source_files import paths, skips, write


def test_a_plain_file_has_its_path_size_timestamps_and_inode(tmp_path: Path) -> None:
    write(tmp_path, "d/a.py", content="x = 1\n")
    os.utime(tmp_path / "d" / "a.py", ns=(1, 1_700_000_000_123_456_789))
    now = (tmp_path / "d" / "a.py").stat()

    assert list(walk(tmp_path)) == [
        FoundFile("d/a.py", 6, 1_700_000_000_123_456_789, None, None, ctime_ns=now.st_ctime_ns, inode=now.st_ino)
    ]


def test_paths_come_in_byte_order_of_the_whole_path(tmp_path: Path) -> None:
    unordered = ["a/b.py", "a.py", "a-b/c", "a/b/c", "a/b-c", "B", "é", "z", "a b", "a0", "a/é/x", "a/z"]
    write(tmp_path, *unordered)

    assert paths(tmp_path) == sorted(unordered, key=str.encode)


def test_the_walk_streams_folders_as_it_reaches_them(tmp_path: Path) -> None:
    write(tmp_path, "a/1", "b/1")
    found = walk(tmp_path)

    first = next(found)
    write(tmp_path, "b/2")

    assert [first.path, *(file.path for file in found)] == ["a/1", "b/1", "b/2"]


def test_depth_is_limited_by_the_path_and_not_by_the_interpreter(tmp_path: Path) -> None:
    limit = sys.getrecursionlimit()
    deepest = tmp_path.joinpath(*["d"] * 400)
    deepest.mkdir(parents=True)
    write(deepest, "a.py")
    sys.setrecursionlimit(200)
    try:
        found = paths(tmp_path)
    finally:
        sys.setrecursionlimit(limit)

    assert found == ["d/" * 400 + "a.py"]


def test_links_are_never_followed_and_say_where_they_lead(tmp_path: Path) -> None:
    root = tmp_path / "root"
    write(root, "d/a.py")
    write(tmp_path, "outside/secret.py")
    for name, target in {
        "inside": "d/a.py",
        "folder": "d",
        "d/up": "..",
        "outside": "../outside/secret.py",
        "dangling": "no/where",
        "loop": "loop",
        "chain": "inside",
        "out": "outside",
        "through": "folder/a.py",
    }.items():
        (root / name).symlink_to(target)

    rows = skips(root)

    assert {reason for reason, _ in rows.values()} == {SkipReason.SYMLINK}
    assert {path: detail for path, (_, detail) in rows.items()} == {
        "inside": "a link to d/a.py, inside the tree: what is there has its own path",
        "folder": "a link to d, inside the tree: what is there has its own path",
        "d/up": "a link to .., inside the tree: what is there has its own path",
        "outside": "a link to ../outside/secret.py, outside the tree",
        "dangling": "a link to no/where, which leads nowhere",
        "loop": "a link to loop, which leads nowhere",
        "chain": "a link to inside, inside the tree: what is there has its own path",
        "out": "a link to outside, outside the tree",
        "through": "a link to folder/a.py, by way of another link",
    }
    assert [file.path for file in walk(root) if file.skip_reason is None] == ["d/a.py"]


def test_a_link_to_a_folder_beside_the_root_with_a_longer_name_is_outside(tmp_path: Path) -> None:
    write(tmp_path, "root/a.py", "root-other/b.py")
    (tmp_path / "root" / "link").symlink_to("../root-other")

    assert skips(tmp_path / "root")["link"][1] == "a link to ../root-other, outside the tree"


def test_a_root_that_is_a_link_is_walked(tmp_path: Path) -> None:
    write(tmp_path, "real/a.py")
    (tmp_path / "link").symlink_to("real")

    assert paths(tmp_path / "link") == ["a.py"]


def test_pipes_and_sockets_are_special(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("sock")

        assert skips(tmp_path) == {
            "pipe": (SkipReason.SPECIAL, "a named pipe"),
            "sock": (SkipReason.SPECIAL, "a socket"),
        }


def test_size_and_name_are_reasons_that_need_no_reading(tmp_path: Path) -> None:
    write(tmp_path, "empty.py", content="")
    write(tmp_path, "at.py", content="x" * 2000)
    write(tmp_path, "above.py", content="x" * 2001)
    write(tmp_path, ".env", "api_pb2.py", "d/poetry.lock")

    rows = {file.path: (file.skip_reason, file.detail) for file in walk(tmp_path, max_file_bytes=2000)}

    assert rows == {
        "above.py": (SkipReason.OVERSIZED, "2,001 bytes; the limit is 2,000"),
        "api_pb2.py": (SkipReason.GENERATED, "named as a tool names its output"),
        "at.py": (None, None),
        "d/poetry.lock": (SkipReason.GENERATED, "a lock file that a package manager writes"),
        "empty.py": (SkipReason.EMPTY, None),
        ".env": (SkipReason.SECRET, "environment variables, which hold passwords and keys"),
    }


def write_raw(root: Path, name: bytes) -> None:
    Path(os.fsdecode(os.path.join(os.fsencode(root), name))).write_text("x\n")


@given(
    st.sets(
        st.lists(
            st.sampled_from([b"\xe9", b"\\xe9", b"\\", b"x", "é".encode(), b"\\\\xe9"]), min_size=1, max_size=4
        ).map(b"".join),
        max_size=8,
    )
)
def test_different_names_have_different_paths_that_a_database_can_hold(names: set[bytes]) -> None:
    with TemporaryDirectory() as folder:
        for name in names:
            write_raw(Path(folder), name)

        found = list(walk(Path(folder)))

    assert len({file.path for file in found}) == len(names)
    for file in found:
        file.path.encode()
        assert (file.skip_reason is SkipReason.NAME_NOT_UTF8) == file.path.startswith("./")
    assert {file.path for file in found if file.skip_reason is None} == {
        name.decode() for name in names if is_utf8(name)
    }


def is_utf8(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def test_a_name_that_is_not_utf8_is_shown_escaped(tmp_path: Path) -> None:
    write_raw(tmp_path, b"caf\xe9.py")
    os.mkdir(os.path.join(os.fsencode(tmp_path), b"d\xff"))
    write_raw(tmp_path, b"d\xff/a.py")

    assert skips(tmp_path) == {
        r"./caf\xe9.py": (SkipReason.NAME_NOT_UTF8, None),
        r"./d\xff/a.py": (SkipReason.NAME_NOT_UTF8, None),
    }


def test_newlines_and_spaces_in_names_are_ordinary(tmp_path: Path) -> None:
    names = [" a", "a\nb", "a\tb ", "\x7f", "'\"$(x)"]
    write(tmp_path, *names)

    assert sorted(paths(tmp_path)) == sorted(names)
    assert all(isinstance(read_source(tmp_path, path, max_file_bytes=99), SourceText) for path in paths(tmp_path))


def test_a_path_at_the_limit_is_indexed_and_longer_ones_are_shown_short_and_unique(tmp_path: Path) -> None:
    folder = "/".join(["d" * 198] * 5)  # 994 bytes
    write(tmp_path, f"{folder}/12345", f"{folder}/1234567", f"{folder}/1234568")
    write(tmp_path, f"{folder}/{'e' * 50}/f/a.py", f"{folder}/{'e' * 50}/b.py")

    rows = {file.path: (file.skip_reason, file.detail) for file in walk(tmp_path)}

    assert len(f"{folder}/12345") == MAX_PATH_BYTES
    assert rows.pop(f"{folder}/12345") == (None, None)
    assert sorted(detail or "" for _, detail in rows.values()) == [
        "1,002 bytes; the limit is 1,000",
        "1,002 bytes; the limit is 1,000",
        "1,045 bytes; the limit is 1,000",  # the folder, which is not entered
    ]
    assert {reason for reason, _ in rows.values()} == {SkipReason.NAME_TOO_LONG}
    assert all(path.startswith("./ddd") and len(path) < 300 for path in rows)


def test_a_folder_without_read_permission_has_one_row_with_the_reason() -> None:
    with tree_of_a_plain_user() as root:
        write(root, "closed/a.py", "open/b.py", "unsearchable/c.py")
        (root / "closed").chmod(stat.S_IXUSR)
        (root / "unsearchable").chmod(stat.S_IRUSR)
        try:
            rows = {file.path: (file.skip_reason, file.detail) for file in walk(root)}
        finally:
            (root / "closed").chmod(0o700)
            (root / "unsearchable").chmod(0o700)

    assert rows == {
        "closed": (SkipReason.UNREADABLE, "a folder, with all that is in it: Permission denied"),
        "open/b.py": (None, None),
        "unsearchable/c.py": (SkipReason.UNREADABLE, "Permission denied"),
    }


def test_a_root_without_read_permission_is_an_error() -> None:
    with tree_of_a_plain_user() as above:
        root = above / "root"
        root.mkdir(mode=0o100)

        with pytest.raises(RootUnavailable, match="root cannot be read: permission denied"):
            walk(root)


def test_a_root_that_is_missing_or_no_folder_is_an_error_at_once(tmp_path: Path) -> None:
    write(tmp_path, "file")

    with pytest.raises(RootUnavailable, match="gone does not exist"):
        walk(tmp_path / "gone")
    with pytest.raises(RootUnavailable, match="file is not a folder"):
        walk(tmp_path / "file")


def rename_away(root: Path) -> None:
    root.rename(root.with_name("moved"))


def replace(root: Path) -> None:
    rename_away(root)
    write(root, "a/1")


@pytest.mark.parametrize(("act", "message"), [(rename_away, "does not exist"), (replace, "was replaced")])
@pytest.mark.parametrize("files", [["a/1", "b/1"], ["a/1"]])
def test_a_root_that_goes_away_during_the_walk_is_an_error_and_not_a_short_list(
    tmp_path: Path, act: Callable[[Path], None], message: str, files: list[str]
) -> None:
    root = tmp_path / "root"
    write(root, *files)
    found = walk(root)
    next(found)

    act(root)

    with pytest.raises(RootUnavailable, match=message):
        list(found)


def test_what_goes_away_during_the_walk_is_no_error(tmp_path: Path) -> None:
    write(tmp_path, "a/1", "b/1", "c/1", "d/1")
    (tmp_path / "elsewhere").mkdir()
    found = walk(tmp_path)
    seen = [next(found).path]

    (tmp_path / "b" / "1").unlink()
    (tmp_path / "b").rmdir()
    (tmp_path / "c" / "1").unlink()
    (tmp_path / "c").rmdir()
    (tmp_path / "c").symlink_to("d")  # must not be entered
    seen += [file.path for file in found]

    assert seen == ["a/1", "d/1"]


@pytest.mark.parametrize("after", [0, 1, 3])
def test_an_aborted_walk_raises_so_that_its_list_is_not_taken_for_complete(tmp_path: Path, after: int) -> None:
    write(tmp_path, "a", "b", "c", "d", "e")
    asked = itertools.count()
    found = walk(tmp_path, aborted=lambda: next(asked) >= after)

    seen = [next(found).path for _ in range(after)]

    assert seen == ["a", "b", "c"][:after]
    with pytest.raises(WalkAborted):
        next(found)


def test_a_limit_below_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="max_file_bytes must be positive, got 0"):
        walk(tmp_path, max_file_bytes=0)


def test_running_out_of_descriptors_is_raised_and_not_taken_for_the_trees_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "a/1", "b/1")
    found = walk(tmp_path)
    next(found)
    real_open = os.open

    def exhausted(path: bytes, flags: int, *, dir_fd: int | None = None) -> int:
        if path == b"b":
            raise OSError(24, "Too many open files")
        return real_open(path, flags, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", exhausted)

    with pytest.raises(OSError, match="Too many open files"):
        list(found)


def test_every_file_that_the_walk_gives_can_be_read_or_has_a_reason(tmp_path: Path) -> None:
    write(tmp_path, "a.py", "d/b.py", "d/é.md")
    (tmp_path / "logo.png").write_bytes(b"\x89PNG\0")

    results = {
        file.path: read_source(tmp_path, file.path, max_file_bytes=1 << 20)
        for file in walk(tmp_path)
        if file.skip_reason is None
    }

    assert sorted(results) == ["a.py", "d/b.py", "d/é.md", "logo.png"]
    assert isinstance(results.pop("logo.png"), Skipped)
    assert all(isinstance(result, SourceText) for result in results.values())
