"""Git's index, read without git: what is tracked, and which blob ids can be trusted."""

import hashlib
import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdex.indexer.sources import FoundFile, GitIndex, OpenedRoot, SourceText, read_source, walk
from pgdex.indexer.sources.git import NO_INDEX, GitTree
from pgdex.indexer.sources.git import index as index_module
from pgdex.indexer.sources.git.index import read_index
from tests.support.git_trees import git, repository, settled
from tests.support.trees import write_tree

FILES: dict[str, str | bytes] = {"a.py": "x = 1\n", "d/b.py": "y = 2\n", "d/e/é.py": "z = 3\n", "d.py": "q = 4\n"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = repository(tmp_path / "r", dict(FILES))
    settled(made)
    return made


def read(root: Path, *, prefix: str = "", object_format: str = "sha1") -> GitIndex:
    return read_index(os.fsencode(root / ".git" / "index"), prefix=prefix.encode(), object_format=object_format)


def files(root: Path) -> dict[str, FoundFile]:
    return {file.path: file for file in walk(root)}


def blob_ids(root: Path) -> dict[str, str | None]:
    return {path: file.blob_id.hex() if file.blob_id else None for path, file in files(root).items()}


def of_git(root: Path, path: str) -> str:
    return git("hash-object", path, at=root).decode().strip()


@pytest.mark.parametrize("version", ["2", "3", "4"])
@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
def test_all_versions_and_object_formats_say_what_git_says(tmp_path: Path, version: str, object_format: str) -> None:
    long = f"{'n' * 200}/" * 24 + "a.py"  # longer than the 12 bits for the length of a name
    root = repository(tmp_path / "r", dict(FILES), f"--object-format={object_format}")
    settled(root)
    git("update-index", "--add", "--cacheinfo", f"100644,{of_git(root, 'a.py')},{long}", at=root)
    if version == "3":
        write_tree(root, {"later.py": "x = 1\n"})
        git("add", "--intent-to-add", "later.py", at=root)
    else:
        git("update-index", "--index-version", version, at=root)
    index = read(root, object_format=object_format)

    assert (root / ".git" / "index").read_bytes()[7] == int(version)
    listed = git("ls-files", "-z", at=root).split(b"\0")[:-1]
    assert [*index.paths()] == listed
    assert len(index) == len(listed) > 4
    assert {path: blob_ids(root)[path] for path in FILES} == {path: of_git(root, path) for path in FILES}


def test_what_lies_below_a_folder_counts_from_there(root: Path) -> None:
    index = read(root, prefix="d/")

    assert [*index.paths()] == [b"b.py", "e/é.py".encode()]
    assert index.tracks(b"b.py")
    assert not index.tracks(b"a.py")
    assert index.tracks_below(b"e/")
    assert not index.tracks_below(b"b.py/")
    assert blob_ids(root / "d")["b.py"] == of_git(root, "d/b.py")


def test_the_blob_id_of_what_is_read_is_gits(root: Path) -> None:
    text = read_source(root, "a.py", max_file_bytes=99)

    assert isinstance(text, SourceText)
    assert text.blob_id.hex() == of_git(root, "a.py") == blob_ids(root)["a.py"]
    found = files(root)["a.py"]
    assert (text.mtime_ns, text.ctime_ns, text.inode) == (found.mtime_ns, found.ctime_ns, found.inode)


def rewrite(file: Path) -> None:
    """Other content of the same size, written in place, with the old time."""
    status = file.stat()
    with file.open("r+") as opened:
        opened.write("w")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def replace(file: Path) -> None:
    """A copy with the same size and time."""
    status = file.stat()
    other = file.with_name("other")
    other.write_bytes(file.read_bytes())
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.rename(file)


def touch(file: Path) -> None:
    os.utime(file, ns=(1, file.stat().st_mtime_ns + 1))


def flag(option: str) -> Callable[[Path], object]:
    return lambda file: git("update-index", option, file.name, at=file.parent)


def intend(file: Path) -> None:
    git("rm", "--quiet", "--cached", file.name, at=file.parent)
    git("add", "--intent-to-add", file.name, at=file.parent)


def conflict(file: Path) -> None:
    """Three stages in place of one."""
    blob = of_git(file.parent, file.name)
    stages = "".join(f"100644 {blob} {stage}\t{file.name}\n" for stage in (1, 2, 3))
    git("update-index", "--index-info", at=file.parent, given=f"0 {'0' * 40}\t{file.name}\n{stages}".encode())


@pytest.mark.parametrize(
    "change",
    [
        *(rewrite, replace, touch, flag("--assume-unchanged"), flag("--skip-worktree"), intend, conflict),
        pytest.param(lambda file: file.write_text("x = 12\n"), id="another size"),
        pytest.param(lambda file: file.chmod(0o755), id="another change time"),
        pytest.param(lambda file: os.utime(file.parent / ".git" / "index", ns=(1, 1)), id="as new as the index"),
    ],
)
def test_no_blob_id_where_the_file_may_be_another_than_git_saw(root: Path, change: Callable[[Path], object]) -> None:
    assert blob_ids(root)["a.py"] is not None

    change(root / "a.py")

    assert blob_ids(root)["a.py"] is None
    with OpenedRoot(root) as opened:
        tree = GitTree.of(opened)
    assert tree is not None
    assert tree.index().tracks(b"a.py")


def test_a_change_within_the_tick_of_the_clock_in_which_git_wrote_its_index_is_noticed(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    for number in range(30):
        (root / "a.py").write_text(f"x = {number % 10}\n")
        git("add", "a.py", at=root)
        (root / "a.py").write_text(f"y = {number % 10}\n")

        assert blob_ids(root)["a.py"] is None


def test_a_file_that_may_hold_a_secret_has_no_blob_id_because_it_has_to_be_read(tmp_path: Path) -> None:
    root = repository(tmp_path / "r", {"server.pem": "-----BEGIN CERTIFICATE-----\n", "a.py": "x = 1\n"})
    settled(root)

    assert blob_ids(root)["server.pem"] is None
    assert files(root)["server.pem"].mtime_ns == 0


def test_links_are_tracked_and_submodules_are_not_files(tmp_path: Path) -> None:
    repository(tmp_path / "other")
    root = repository(tmp_path / "r")
    (root / "link").symlink_to("a.py")
    git("submodule", "--quiet", "add", str(tmp_path / "other"), "sub", at=root)
    git("add", "--all", at=root)

    assert [*read(root).paths()] == [b".gitmodules", b"a.py", b"link"]
    assert not read(root).tracks_below(b"sub/")


def signed(content: bytes) -> bytes:
    return content + hashlib.sha1(content).digest()


def body(root: Path) -> bytes:
    return (root / ".git" / "index").read_bytes()[:-20]


def entry(name: bytes, mode: int = 0o100644) -> bytes:
    content = struct.pack(">10I20sH", 1, 0, 1, 0, 1, 1, mode, 0, 0, 1, b"o" * 20, min(len(name), 0xFFF)) + name
    return content + bytes(8 - len(content) % 8)


def header(number: int, version: int = 2) -> bytes:
    return struct.pack(">4sII", b"DIRC", version, number)


BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "short": lambda content: content[:11],
    "another signature": lambda content: signed(b"DIRX" + content[4:]),
    "another version": lambda content: signed(header(4, 5) + content[12:]),
    "another checksum": lambda content: content + bytes(19) + b"x",
    "a changed bit": lambda content: content[:40] + b"\x7f" + content[41:] + hashlib.sha1(content).digest(),
    "more entries announced": lambda content: signed(header(2**32 - 1) + content[12:]),
    "one entry more announced": lambda content: signed(header(5) + content[12:]),
    "cut within an entry": lambda content: signed(header(1) + entry(b"a")[:61]),
    "cut within a name": lambda content: signed(header(1) + entry(b"a" * 300)[:-100]),
    "out of order": lambda content: signed(header(2) + entry(b"b") + entry(b"a")),
    "split": lambda content: signed(content + b"link" + struct.pack(">I", 20) + bytes(20)),
    "sparse": lambda content: signed(content + b"sdir" + struct.pack(">I", 0)),
    "a folder": lambda content: signed(header(1) + entry(b"d/", 0o040000)),
    "unknown extension": lambda content: signed(content + b"xtra" + struct.pack(">I", 0)),
    "a name without an end": lambda content: signed(header(1, 4) + entry(b"a")[:62] + b"\x00aaaa"),
    "a name cut by more than it has": lambda content: signed(header(1, 4) + entry(b"a")[:62] + b"\x05a\0"),
    "a number without an end": lambda content: signed(header(1, 4) + entry(b"a")[:62] + b"\xff" * 3_000),
}


@pytest.mark.parametrize("kind", list(BROKEN))
def test_an_index_that_cannot_be_relied_on_is_none(root: Path, kind: str) -> None:
    (root / ".git" / "index").write_bytes(BROKEN[kind](body(root)))

    assert read(root) == NO_INDEX
    assert set(blob_ids(root).values()) == {None}


def test_what_git_splits_or_thins_out_is_none_and_what_it_leaves_unsigned_is_one(root: Path) -> None:
    git("update-index", "--split-index", at=root)
    assert read(root) == NO_INDEX
    git("update-index", "--no-split-index", at=root)
    assert len(read(root)) == 4

    (root / ".git" / "index").write_bytes(body(root) + bytes(20))  # index.skipHash
    assert len(read(root)) == 4
    git("sparse-checkout", "set", "--cone", "--sparse-index", "nothing", at=root)
    assert read(root) == NO_INDEX


def test_a_name_that_unfolds_without_end_is_bounded(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "MAX_NAMES_BYTES", 100_000)
    bare = entry(b"a")[:62]
    longer = bare + b"\x00" + b"a" * 100 + b"\0"

    (root / ".git" / "index").write_bytes(signed(header(40, 4) + longer * 40))
    assert len(read(root)) == 40
    (root / ".git" / "index").write_bytes(signed(header(60, 4) + longer * 60))
    assert read(root) == NO_INDEX


def test_an_index_that_is_too_large_or_no_file_is_none(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "MAX_INDEX_BYTES", len(body(root)) + 19)
    assert read(root) == NO_INDEX
    monkeypatch.undo()

    path = root / ".git" / "index"
    path.rename(root / "moved")
    assert read(root) == NO_INDEX
    path.symlink_to(root / "moved")
    assert read(root) == NO_INDEX
    path.unlink()
    os.mkfifo(path)
    assert read(root) == NO_INDEX


@given(garbage=st.binary(max_size=400), version=st.sampled_from([2, 3, 4]), number=st.integers(0, 6))
def test_no_bytes_are_an_error(
    tmp_path_factory: pytest.TempPathFactory, garbage: bytes, version: int, number: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "index"
    path.write_bytes(signed(header(number, version) + garbage))

    for object_format in ("sha1", "sha256"):
        assert isinstance(read_index(os.fsencode(path), prefix=b"", object_format=object_format), GitIndex)
