"""Reading one file: every content and every accident has an answer."""

import hashlib
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pgdex.indexer.sources import RootUnavailable, Skipped, SkipReason, SourceText, Unchanged, read_source
from tests.unit.privileges import tree_of_a_plain_user
from tests.unit.source_files import LIMIT, read, skipped, text_of

SETTLED_NS = 1_700_000_000_123_456_789


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("content")


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(lambda text: text.encode("utf-16"))))
@example(b"\xff\xfe\x00")
@example(b"\xff\xfe\x00\xd8")
@example(b"\xef\xbb\xbf")
@example(b"\xef\xbb\xbf\xff")
@example(b"caf\xe9\r\n")
def test_any_bytes_give_text_that_a_database_can_hold_or_a_reason(folder: Path, data: bytes) -> None:
    result = read(folder, data)

    assert isinstance(result, SourceText | Skipped)
    assert result.size == len(data)
    assert result.content_hash == hashlib.sha256(data).digest()
    if isinstance(result, SourceText):
        assert result.text
        assert "\0" not in result.text
        result.text.encode()  # no lone surrogates


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), min_size=1))
def test_utf8_text_comes_back_exactly(folder: Path, text: str) -> None:
    result = read(folder, b"\xef\xbb\xbf" + text.encode())

    assert text_of(result) == text


def test_a_known_hash_means_unchanged_before_anything_is_decoded(tmp_path: Path) -> None:
    data = b"\x89PNG\0"
    (tmp_path / "a").write_bytes(data)
    os.utime(tmp_path / "a", ns=(SETTLED_NS, SETTLED_NS))
    known = hashlib.sha256(data).digest()

    result = read_source(tmp_path, "a", max_file_bytes=LIMIT, known_hashes=[known])

    status = (tmp_path / "a").stat()
    blob_id = hashlib.sha1(b"blob 5\0" + data, usedforsecurity=False).digest()
    assert result == Unchanged(5, SETTLED_NS, known, blob_id, status.st_ctime_ns, status.st_ino)


def test_another_hash_than_the_known_one_gives_the_text(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x\n")

    assert text_of(read_source(tmp_path, "a", max_file_bytes=LIMIT, known_hashes=[bytes(32)])) == "x\n"


def test_a_file_that_is_dated_next_year_is_not_read_again_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_bytes(b"x")
    ahead = time.time_ns() + 365 * 86_400 * 10**9
    os.utime(tmp_path / "a", ns=(ahead, ahead))
    seen = {}
    for seconds in (0, 3):
        now = (tmp_path / "a").stat().st_ctime_ns + seconds * 10**9
        monkeypatch.setattr(time, "time_ns", lambda now=now: now)
        result = read_source(tmp_path, "a", max_file_bytes=LIMIT)
        assert isinstance(result, SourceText)
        seen[seconds] = result.mtime_ns
    assert seen == {0: None, 3: ahead}


@pytest.mark.parametrize(
    ("age_ns", "trusted"),
    [
        (99_000_001, False),
        (100_000_001, True),
        (1_123_456_789, True),  # seconds with a fraction
        (1_000_000_000, False),  # whole seconds, from here on
        (2_000_000_000, True),
        (0, False),
        (-3_600_000_000_000, False),
    ],
)
def test_a_timestamp_that_a_later_write_could_repeat_is_not_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, age_ns: int, trusted: bool
) -> None:
    now = 1_700_000_000 * 10**9
    (tmp_path / "a").write_bytes(b"x")
    os.utime(tmp_path / "a", ns=(now - age_ns, now - age_ns))
    monkeypatch.setattr(time, "time_ns", lambda: now)

    result = read_source(tmp_path, "a", max_file_bytes=LIMIT)

    assert isinstance(result, SourceText)
    assert result.mtime_ns == (now - age_ns if trusted else None)


def test_a_file_at_the_limit_is_read_and_one_above_it_is_not(tmp_path: Path) -> None:
    (tmp_path / "at").write_bytes(b"x" * 100)
    (tmp_path / "above").write_bytes(b"x" * 101)

    assert isinstance(read_source(tmp_path, "at", max_file_bytes=100), SourceText)
    above = read_source(tmp_path, "above", max_file_bytes=100)
    assert isinstance(above, Skipped)
    assert (above.reason, above.detail, above.size) == (SkipReason.OVERSIZED, "101 bytes; the limit is 100", 101)


def write_while_reading(monkeypatch: pytest.MonkeyPatch, write: Callable[[int], object]) -> None:
    """Let `write` change the file, with the number of the attempt, between two system calls of the reader."""
    attempts = iter(range(1, 100))
    real_read = os.read

    def read_and_write(descriptor: int, length: int) -> bytes:
        data = real_read(descriptor, length)
        write(next(attempts))
        return data

    monkeypatch.setattr(os, "read", read_and_write)


def test_a_file_that_changes_during_one_reading_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.py"
    path.write_text("old\n")

    def change_once(attempt: int) -> None:
        if attempt == 1:
            path.write_text("newer\n")

    write_while_reading(monkeypatch, change_once)

    assert text_of(read_source(tmp_path, "a.py", max_file_bytes=LIMIT)) == "newer\n"


def test_a_file_that_never_stops_changing_is_skipped_for_the_next_scan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.log"
    path.write_text("0\n")
    write_while_reading(monkeypatch, lambda attempt: path.write_text("1\n" * (attempt + 1)))

    result = read_source(tmp_path, "a.log", max_file_bytes=LIMIT)

    assert result == Skipped(SkipReason.IO_ERROR, "it was written to while it was read, twice", None, None, None)


def test_a_file_that_grows_beyond_the_limit_while_it_is_read_is_oversized(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"x" * 10)
    write_while_reading(monkeypatch, lambda _: path.write_bytes(b"x" * 1000))

    assert skipped(read_source(tmp_path, "a.log", max_file_bytes=100)) is SkipReason.OVERSIZED


def test_a_file_that_vanished_says_so(tmp_path: Path) -> None:
    (tmp_path / "d").write_text("now a file")

    for path in ("a.py", "c/a.py", "d/a.py"):
        result = read_source(tmp_path, path, max_file_bytes=LIMIT)
        assert isinstance(result, Skipped)
        assert result.reason is SkipReason.VANISHED
        assert result.mtime_ns is None


def test_a_folder_in_the_place_of_a_file_means_that_the_file_vanished(tmp_path: Path) -> None:
    (tmp_path / "a.py").mkdir()

    assert skipped(read_source(tmp_path, "a.py", max_file_bytes=LIMIT)) is SkipReason.VANISHED


def test_a_missing_root_is_an_error_and_not_a_vanished_file(tmp_path: Path) -> None:
    with pytest.raises(RootUnavailable, match="does not exist"):
        read_source(tmp_path / "gone", "a.py", max_file_bytes=LIMIT)


def test_a_pipe_in_the_place_of_a_file_is_skipped_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.py")

    assert skipped(read_source(tmp_path, "a.py", max_file_bytes=LIMIT)) is SkipReason.SPECIAL


def test_a_socket_is_special(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path may have 107 bytes at most
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("a.sock")

        assert skipped(read_source(tmp_path, "a.sock", max_file_bytes=LIMIT)) is SkipReason.SPECIAL


def test_a_link_in_the_place_of_a_file_or_a_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "a.py").write_text("x = 1\n")
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.py").symlink_to(tmp_path / "secret" / "a.py")
    (root / "d").symlink_to(tmp_path / "secret")

    assert skipped(read_source(root, "a.py", max_file_bytes=LIMIT)) is SkipReason.SYMLINK
    assert skipped(read_source(root, "d/a.py", max_file_bytes=LIMIT)) is SkipReason.SYMLINK


def test_a_root_that_is_itself_a_link_is_fine(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.py").write_text("x = 1\n")
    (tmp_path / "link").symlink_to("real")

    assert text_of(read_source(tmp_path / "link", "a.py", max_file_bytes=LIMIT)) == "x = 1\n"


def test_a_file_without_read_permission_is_unreadable_and_tried_again() -> None:
    with tree_of_a_plain_user() as root:
        (root / "a.py").write_text("x = 1\n")
        (root / "a.py").chmod(0)
        (root / "d").mkdir()
        (root / "d" / "b.py").write_text("x = 1\n")
        (root / "d").chmod(0)
        try:
            for path in ("a.py", "d/b.py"):
                result = read_source(root, path, max_file_bytes=LIMIT)
                assert result == Skipped(SkipReason.UNREADABLE, "Permission denied", None, None, None)
        finally:
            (root / "d").chmod(0o700)


def test_a_root_that_lost_its_permissions_is_an_error_and_not_a_row_per_file() -> None:
    with tree_of_a_plain_user() as above:
        root = above / "root"
        root.mkdir()
        (root / "a.py").write_text("x = 1\n")
        root.chmod(0)
        try:
            with pytest.raises(RootUnavailable, match="permission denied"):
                read_source(root, "a.py", max_file_bytes=LIMIT)
        finally:
            root.chmod(0o700)


def test_a_file_that_the_disk_cannot_deliver_is_an_io_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")

    def broken(descriptor: int, length: int) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "read", broken)

    result = read_source(tmp_path, "a.py", max_file_bytes=LIMIT)
    assert result == Skipped(SkipReason.IO_ERROR, "Input/output error", None, None, None)


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../a", "a/../b", "./a", "a//b", "a/", "a\0b", "a\udcff"])
def test_a_path_that_no_walk_gives_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(ValueError):
        read_source(tmp_path, path, max_file_bytes=LIMIT)


def test_a_limit_below_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="max_file_bytes must be positive, got 0"):
        read_source(tmp_path, "a", max_file_bytes=0)


def test_no_descriptor_stays_open(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a.py").write_text("x = 1\n")
    (tmp_path / "link").symlink_to("d")
    before = lowest_free_descriptor()

    for path in ("pipe", "d", "d/a.py", "link", "link/a.py", "d/b.py", "e/a.py"):
        read_source(tmp_path, path, max_file_bytes=LIMIT)

    assert lowest_free_descriptor() == before


def lowest_free_descriptor() -> int:
    with Path(os.devnull).open() as file:
        return file.fileno()


def test_every_reason_explains_itself_in_a_sentence() -> None:
    for reason in SkipReason:
        assert SkipReason(reason.value) is reason
        assert reason.explanation[0].isupper()
        assert reason.explanation.endswith(".")
