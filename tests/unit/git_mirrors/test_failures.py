"""What breaks or stops a mirror: damage is noticed and fetched again, all else is an error that says what it was."""

import os
from pathlib import Path

import pytest

from pgdex.indexer.git import (
    CommitNotFound,
    DiskFull,
    GitAborted,
    GitFailed,
    GitMissing,
    GitSnapshot,
    GitTimedOut,
    GitUrl,
    Limits,
    MirrorDamaged,
    Mirrors,
)
from tests.support.git_repositories import Repository
from tests.support.mirrored_sources import local, mirror_of, read, text
from tests.support.mounting import tiny_disk


def damage(mirror: Path) -> None:
    """Take the objects away that the mirror says it has."""
    for pack in (mirror / "objects" / "pack").iterdir():
        pack.unlink()


def test_a_mirror_that_lost_objects_is_fetched_again(mirrors: Mirrors, source: Repository) -> None:
    url = local(source)
    commit = mirrors.resolve(url).commit
    damage(mirror_of(mirrors))
    assert text(mirrors, url, commit) == "x = 1\n"


@pytest.mark.parametrize("part", ["reading", "listing"])
def test_objects_that_go_missing_while_reading_are_fetched_again_once(
    mirrors: Mirrors, source: Repository, part: str
) -> None:
    url = local(source)
    commit = source.commit({"b.py": "y = 1\n", "c/d.py": "z = 1\n"})

    def all_of(snapshot: GitSnapshot) -> list[str]:
        if part == "listing":
            return [file.path for file in snapshot.listing()]
        return [read(snapshot, path).text for path in ("b.py", "a.py", "c/d.py")]

    with mirrors.snapshot(url, commit) as snapshot:
        damage(mirror_of(mirrors))
        assert len(all_of(snapshot)) == 3
        (whole,) = (path for path in mirrors.folder.iterdir() if path.name != "locks" and ".aside-" not in path.name)
        damage(whole)
        with pytest.raises(MirrorDamaged, match="missing or broken"):
            list(snapshot.listing())
    mirrors.remove_unused()
    assert not [path for path in mirrors.folder.iterdir() if ".aside-" in path.name]
    assert text(mirrors, url, commit, "b.py") == "y = 1\n"


def test_a_broken_pack_is_noticed_and_fetched_again(mirrors: Mirrors, source: Repository) -> None:
    url = local(source)
    commit = source.commit({"b.py": "".join(f"value_{number} = {number * 7919}\n" for number in range(2_000))})
    mirrors.ensure(url, commit)
    (pack,) = (mirror_of(mirrors) / "objects" / "pack").glob("*.pack")
    data = bytearray(pack.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 200] = bytes(200)
    pack.chmod(0o600)
    pack.write_bytes(data)

    assert text(mirrors, url, commit, "b.py").startswith("value_0 = 0\n")


def test_a_source_with_missing_objects_is_an_error_and_no_shorter_list(mirrors: Mirrors, source: Repository) -> None:
    commit = source.commit({"b.py": "y = 1\n"})
    blob = source.git("rev-parse", "HEAD:b.py")
    (source.path / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises((GitFailed, MirrorDamaged, CommitNotFound)):
        text(mirrors, local(source), commit)


def test_a_full_disk_is_said_to_be_full(tmp_path: Path, source: Repository) -> None:
    source.commit({"big.bin": os.urandom(3 << 20)})
    with tiny_disk(tmp_path / "disk", "1m"):
        mirrors = Mirrors(folder=tmp_path / "disk" / "cache", max_bytes=1 << 30)
        with pytest.raises(DiskFull, match="no space left"):
            mirrors.resolve(local(source))
        small = Repository.make(tmp_path / "small")
        commit = small.commit({"a.py": "x = 1\n"})
        assert mirrors.resolve(local(small)).commit == commit


def test_without_git_the_message_says_so(mirrors: Mirrors, source: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(GitMissing, match="git is not installed"):
        mirrors.resolve(local(source))


def test_a_git_that_is_too_old_is_refused(mirrors: Mirrors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, (said, message) in enumerate(
        {
            "git version 2.17.1": "is git 2.17.1",
            "what?": "is not git",
            "git version 2.28.0 (Apple Git-1)": "2.29",
        }.items()
    ):
        program = tmp_path / str(number) / "git"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\necho '{said}'\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent))
        with pytest.raises(GitMissing, match=message):
            mirrors.resolve(GitUrl.local(tmp_path))


# What stops


def test_a_fetch_that_is_aborted_ends(mirrors: Mirrors, source: Repository) -> None:
    with pytest.raises(GitAborted):
        mirrors.resolve(local(source), aborted=lambda: True)
    assert mirrors.resolve(local(source)).ref_name == "main"


def test_a_total_limit_ends_git(tmp_path: Path, source: Repository) -> None:
    slow = Mirrors(folder=tmp_path / "cache", max_bytes=1 << 30, limits=Limits(stall=60, total=0))
    with pytest.raises(GitTimedOut, match="not done after 0 s"):
        slow.resolve(local(source))
