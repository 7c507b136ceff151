"""What a mirror has of its source: only what was asked for, and no more of it than there is room for."""

import os
import shutil
import time
from pathlib import Path

import pytest

from pgdex.indexer.git import CommitNotFound, Mirrors, Ref
from pgdex.indexer.git import mirrors as mirrors_module
from tests.support.git_repositories import Repository, git
from tests.support.mirrored_sources import local, mirror_of, read, text


def test_another_object_format_in_the_same_place_gets_its_own_mirror(mirrors: Mirrors, source: Repository) -> None:
    mirrors.resolve(local(source))
    shutil.rmtree(source.path)
    again = Repository.make(source.path, "--object-format=sha256")
    commit = again.commit({"a.py": "x = 5\n"})

    assert mirrors.resolve(local(again)).commit == commit
    assert text(mirrors, local(again), commit) == "x = 5\n"
    with pytest.raises(CommitNotFound):
        mirrors.ensure(local(again), "1" * 40)


def test_only_what_is_asked_for_is_fetched(mirrors: Mirrors, source: Repository) -> None:
    old = source.git("rev-parse", "HEAD")
    source.git("tag", "v1")
    source.git("checkout", "--quiet", "-b", "other")
    source.commit({"other.py": "y = 1\n"})
    source.git("checkout", "--quiet", "main")
    commit = source.commit({"a.py": "x = 2\n"})

    mirrors.resolve(local(source), Ref.branch("main"))

    mirror = mirror_of(mirrors)
    assert git(mirror, "for-each-ref", "--format=%(refname)") == f"refs/pgdex/{commit}"
    assert len(git(mirror, "cat-file", "--batch-all-objects", "--batch-check").split("\n")) == 3
    assert old not in git(mirror, "cat-file", "--batch-all-objects", "--batch-check")
    assert not (mirror / "FETCH_HEAD").exists()
    assert not list((mirror / "hooks").glob("*"))


def test_what_is_there_needs_no_server(mirrors: Mirrors, source: Repository) -> None:
    commit = mirrors.resolve(local(source)).commit
    url = local(source)
    source.path.rename(source.path.with_name("moved"))

    mirrors.ensure(url, commit)

    assert text(mirrors, url, commit) == "x = 1\n"


def test_many_fetches_are_put_together(mirrors: Mirrors, source: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirrors_module, "MOST_PACKS", 4)
    monkeypatch.setattr(mirrors_module, "_KEPT_COMMITS", 3)
    commits = [source.commit({"a.py": f"x = {number}\n"}) for number in range(7)]
    url = local(source)

    with mirrors.snapshot(url, source.git("rev-parse", "main~7")) as reading:
        for commit in commits:
            mirrors.ensure(url, commit)
            two_days_ago = time.time() - 2 * 86_400
            os.utime(mirror_of(mirrors) / "refs" / "pgdex" / commit, (two_days_ago, two_days_ago))
        assert read(reading, "a.py").text == "x = 1\n"

    mirror = mirror_of(mirrors)
    assert len(list((mirror / "objects" / "pack").glob("*.pack"))) <= 4
    assert len(git(mirror, "for-each-ref").split("\n")) <= 6
    assert git(mirror, "fsck", "--full", "--connectivity-only") == ""
    source.path.rename(source.path.with_name("moved"))
    assert text(mirrors, url, commits[-1]) == "x = 6\n"


# How much is kept


def test_the_least_recently_used_mirrors_go_and_none_that_is_read(tmp_path: Path) -> None:
    urls = []
    for number in range(4):
        repository = Repository.make(tmp_path / f"source{number}")
        repository.commit({"a.bin": os.urandom(100_000)})
        urls.append(local(repository))
    mirrors = Mirrors(folder=tmp_path / "cache", max_bytes=250_000)
    commits = [mirrors.resolve(url).commit for url in urls[:2]]

    with mirrors.snapshot(urls[0], commits[0]) as reading:
        for url in urls[2:]:
            mirrors.resolve(url)
        kept = {path.name for path in mirrors.folder.iterdir() if path.name != "locks"}
        assert len(kept) == 2
        assert any("source0" in name for name in kept)
        assert any("source3" in name for name in kept)
        assert [file.path for file in reading.listing()] == ["a.bin"]
    assert mirrors.resolve(urls[1]).commit == commits[1]


def test_the_mirrors_are_for_their_owner_alone(mirrors: Mirrors, source: Repository) -> None:
    mirrors.resolve(local(source))
    assert mirrors.folder.stat().st_mode & 0o077 == 0
    assert mirror_of(mirrors).stat().st_mode & 0o077 == 0
