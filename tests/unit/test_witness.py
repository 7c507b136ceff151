"""What a tree is known by, and when a folder in its place is not believed."""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdex.indexer.sources import NotSeenHere, OpenedRoot, Witness, WitnessNotes, walk, witness
from pgdex.indexer.sources.witness import NAMES, mount_points
from tests.unit.source_files import write


def witness_of(root: Path) -> Witness:
    notes = WitnessNotes()
    with OpenedRoot(root, for_listing=True) as opened:
        assert list(walk(opened, notes=notes))
        return notes.witness(opened)


def elsewhere(seen: Witness) -> Witness:
    """As another machine has it: it can't compare the identity."""
    return Witness.from_json({**seen.to_json(), "identity": "another-kernel:1:2"})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path / "root", *[f"d{number}/e/a.py" for number in range(40)], *[f"f{number}.py" for number in range(40)])
    return tmp_path / "root"


def test_a_witness_has_a_few_names_of_the_top_and_a_few_from_further_down(root: Path) -> None:
    seen = witness_of(root)

    assert 2 * NAMES >= len(seen.names) > NAMES
    assert any("/" in name for name in seen.names)
    assert any("/" not in name for name in seen.names)
    assert all((root / name).exists() for name in seen.names)


def test_an_empty_or_another_folder_is_not_the_one_that_was_seen(tmp_path: Path, root: Path) -> None:
    seen = witness_of(root)
    write(tmp_path / "other", "README.not-mounted")
    (tmp_path / "empty").mkdir()

    for place in ("other", "empty"):
        with OpenedRoot(tmp_path / place) as opened:
            with pytest.raises(NotSeenHere, match="holds nothing of what the job's scan found there"):
                seen.require(opened)
            assert not seen.is_of(opened)


def test_a_copy_on_another_machine_is_the_one_that_was_seen(tmp_path: Path, root: Path) -> None:
    seen = elsewhere(witness_of(root))
    shutil.copytree(root, tmp_path / "copy")

    with OpenedRoot(tmp_path / "copy") as opened:
        seen.require(opened)
        for name in seen.names[: len(seen.names) // 3]:
            path = tmp_path / "copy" / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        seen.require(opened)


def test_the_very_same_folder_is_believed_whatever_became_of_its_content(root: Path) -> None:
    seen = witness_of(root)
    for path in root.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    with OpenedRoot(root) as opened:
        if seen.identity is not None:  # no kernel but Linux numbers its starts
            seen.require(opened)
        with pytest.raises(NotSeenHere):
            elsewhere(seen).require(opened)


def test_a_name_that_no_database_can_hold_is_not_among_the_names(tmp_path: Path) -> None:
    write(tmp_path, "a.py")
    (tmp_path / os.fsdecode(b"caf\xe9.py")).write_text("x = 1\n")

    assert witness_of(tmp_path).names == ("a.py",)


@given(st.lists(st.text("abc", min_size=1, max_size=3).map("top/{}".format), unique=True, max_size=200))
def test_the_sample_of_folders_is_bounded_and_true(names: list[str]) -> None:
    notes = WitnessNotes()
    for name in names:
        notes.folder(name.encode(), 0)

    assert len(set(notes._folders)) == len(notes._folders) == min(len(names), NAMES)
    assert {folder.decode() for folder in notes._folders} <= set(names)


def test_mount_points_are_read_as_the_kernel_writes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "mountinfo"
    table.write_bytes(
        b"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        b"30 22 0:40 / /srv/code rw - nfs4 server:/code rw\n"
        b"31 30 8:17 / /srv/code/with\\040space\\134x rw shared:1 - ext4 /dev/sdb1 rw\n"
        b"32 22 8:18 / /srv/code-other rw - ext4 /dev/sdb2 rw\n"
        b"broken\n"
    )
    monkeypatch.setattr(witness, "MOUNTS", table)

    assert mount_points(b"/srv/code") == frozenset({b"", b"with space\\x"})
    assert mount_points(b"/srv") == frozenset({b"code", b"code/with space\\x", b"code-other"})
    monkeypatch.setattr(witness, "MOUNTS", tmp_path / "missing")
    assert mount_points(b"/srv") is None


def test_without_the_kernels_list_device_numbers_tell_what_is_mounted(
    monkeypatch: pytest.MonkeyPatch, root: Path
) -> None:
    monkeypatch.setattr(witness, "mount_points", lambda root: None)
    notes = WitnessNotes()
    with OpenedRoot(root) as opened:
        notes.root(opened, [b"a/", b"b/"])
        device = opened.identity[0]
        for path, number in [(b"a", device), (b"b", device + 1), (b"b/c", device + 1), (b"b/c/d", device + 2)]:
            notes.folder(path, number)
        found = notes.witness(opened)

    assert (found.mounts, found.identity) == (("b", "b/c/d"), None)


def test_only_absent_files_below_a_lost_mount_are_not_believed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Witness(mounts=("d1", "gone"))
    with OpenedRoot(root) as opened:
        seen.require_mounts(opened, ["d2/e/b.py", "d10/e/b.py"])
        with pytest.raises(NotSeenHere, match=r"root/d1 was on a file system of its own, which is not mounted here"):
            seen.require_mounts(opened, ["d1/e/b.py"])
        assert seen.unmounted(opened) == ["d1"], "a mount point that was removed is not missed"
        monkeypatch.setattr(witness, "mount_points", lambda root: frozenset({b"d1"}))
        seen.require_mounts(opened, ["d1/e/b.py"])
