"""Mirrors of git sources: what a ref comes to, what is fetched, and the clear words for what is not there."""

import os
import shutil
import time
from datetime import timedelta
from pathlib import Path

import pytest

from pgdex.indexer.git import (
    CommitNotFound,
    DiskFull,
    EmptyRepository,
    GitAborted,
    GitFailed,
    GitMissing,
    GitSnapshot,
    GitTimedOut,
    GitUrl,
    Limits,
    MirrorDamaged,
    Mirrors,
    NotARepository,
    Ref,
    RefNotFound,
    SourceRefused,
)
from pgdex.indexer.git import mirrors as mirrors_module
from pgdex.indexer.sources import SourceText
from tests.support.git_repositories import Repository, git
from tests.support.mounting import tiny_disk

LIMIT = 1 << 20


@pytest.fixture
def mirrors(tmp_path: Path) -> Mirrors:
    return Mirrors(folder=tmp_path / "cache", max_bytes=1 << 30)


@pytest.fixture
def source(tmp_path: Path) -> Repository:
    repository = Repository.make(tmp_path / "source")
    repository.commit({"a.py": "x = 1\n"}, "first")
    return repository


def local(repository: Repository | Path) -> GitUrl:
    return GitUrl.local(repository.path if isinstance(repository, Repository) else repository)


def read(snapshot: GitSnapshot, path: str) -> SourceText:
    blob_id = snapshot.blob_id(path)
    assert blob_id is not None
    source = snapshot.read(path, blob_id, max_file_bytes=LIMIT)
    assert isinstance(source, SourceText), source
    return source


def text(mirrors: Mirrors, url: GitUrl, commit: str, path: str = "a.py") -> str:
    with mirrors.snapshot(url, commit) as snapshot:
        return read(snapshot, path).text


def mirror_of(mirrors: Mirrors) -> Path:
    found = [path for path in mirrors.folder.iterdir() if path.name != "locks"]
    assert len(found) == 1, found
    return found[0]


# What a ref comes to


def test_the_default_branch_is_the_one_that_head_is_on(mirrors: Mirrors, source: Repository) -> None:
    source.git("checkout", "--quiet", "-b", "trunk")
    commit = source.commit({"a.py": "x = 2\n"})

    resolved = mirrors.resolve(local(source))

    assert (resolved.commit, resolved.ref_name) == (commit, "trunk")
    assert resolved.committed_at is not None
    assert resolved.committed_at.timestamp() == 1_700_000_000
    assert resolved.committed_at.utcoffset() == timedelta(hours=1)
    assert text(mirrors, local(source), commit) == "x = 2\n"


def test_branches_tags_and_commits_are_found_by_name(mirrors: Mirrors, source: Repository) -> None:
    first = source.git("rev-parse", "HEAD")
    source.git("tag", "light")
    source.git("tag", "-a", "-m", "x", "heavy")
    source.git("checkout", "--quiet", "-b", "feature/x")
    second = source.commit({"a.py": "x = 2\n"})
    third = source.commit({"a.py": "x = 3\n"})
    url = local(source)

    assert mirrors.resolve(url, Ref.branch("main")).commit == first
    assert mirrors.resolve(url, Ref.branch("feature/x")).commit == third
    assert mirrors.resolve(url, Ref.branch("refs/heads/feature/x")).ref_name == "feature/x"
    assert mirrors.resolve(url, Ref.tag("light")).commit == first
    assert mirrors.resolve(url, Ref.tag("heavy")).commit == first
    by_id = mirrors.resolve(url, Ref.commit(second.upper()))
    assert (by_id.commit, by_id.ref_name) == (second, None)
    assert text(mirrors, url, second) == "x = 2\n"


def test_a_branch_with_the_end_of_another_ones_name_is_not_taken_for_it(mirrors: Mirrors, source: Repository) -> None:
    source.git("branch", "deep/refs/heads/side")
    with pytest.raises(RefNotFound, match="no branch side"):
        mirrors.resolve(local(source), Ref.branch("side"))


def test_a_head_on_no_branch_has_no_ref_name(mirrors: Mirrors, source: Repository) -> None:
    source.git("checkout", "--quiet", "--detach")
    assert mirrors.resolve(local(source)).ref_name is None


@pytest.mark.parametrize("shape", ["bare", "clone", "worktree", "git folder", "shallow", "file URL"])
def test_local_repositories_of_every_shape(mirrors: Mirrors, source: Repository, tmp_path: Path, shape: str) -> None:
    commit = source.commit({"a.py": "x = 9\n"})
    place = tmp_path / "place"
    if shape == "bare":
        source.bare(place)
    elif shape == "clone":
        git(tmp_path, "clone", "--quiet", str(source.path), str(place))
    elif shape == "worktree":
        source.git("worktree", "add", "--quiet", str(place), "-b", "side")
    elif shape == "shallow":
        git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{source.path}", str(place))
    elif shape == "git folder":
        place = source.path / ".git"
    else:
        place = source.path
    url = GitUrl.parse(f"file://{place}") if shape == "file URL" else GitUrl.local(place)

    resolved = mirrors.resolve(url)

    assert resolved.commit == commit
    assert resolved.ref_name == ("side" if shape == "worktree" else "main")
    assert text(mirrors, url, commit) == "x = 9\n"


def test_a_repository_in_sha_256_is_a_source_like_any(mirrors: Mirrors, tmp_path: Path) -> None:
    source = Repository.make(tmp_path / "source", "--object-format=sha256")
    commit = source.commit({"a.py": "x = 1\n"})
    assert len(commit) == 64

    assert mirrors.resolve(local(source)).commit == commit
    with mirrors.snapshot(local(source), commit) as snapshot:
        (found,) = snapshot.listing()
        assert len(found.blob_id or b"") == 32
        assert read(snapshot, "a.py").text == "x = 1\n"


def test_another_object_format_in_the_same_place_gets_its_own_mirror(mirrors: Mirrors, source: Repository) -> None:
    mirrors.resolve(local(source))
    shutil.rmtree(source.path)
    again = Repository.make(source.path, "--object-format=sha256")
    commit = again.commit({"a.py": "x = 5\n"})

    assert mirrors.resolve(local(again)).commit == commit
    assert text(mirrors, local(again), commit) == "x = 5\n"
    with pytest.raises(CommitNotFound):
        mirrors.ensure(local(again), "1" * 40)


# What is fetched


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


# Sources that change


def test_a_force_push_and_a_moved_tag_are_another_commit(mirrors: Mirrors, source: Repository) -> None:
    source.git("tag", "v1")
    url = local(source)
    first = mirrors.resolve(url, Ref.branch("main")).commit
    assert mirrors.resolve(url, Ref.tag("v1")).commit == first
    source.commit({"a.py": "x = 2\n"})
    source.git("reset", "--quiet", "--hard", "HEAD~1")
    source.git("commit", "--quiet", "--amend", "-m", "other")
    second = source.commit({"a.py": "x = 3\n"})
    source.git("tag", "--force", "v1")

    assert mirrors.resolve(url, Ref.branch("main")).commit == second
    assert mirrors.resolve(url, Ref.tag("v1")).commit == second
    assert text(mirrors, url, second) == "x = 3\n"
    assert text(mirrors, url, first) == "x = 1\n"


def test_a_commit_that_the_source_lost_is_said_to_be_gone(mirrors: Mirrors, source: Repository) -> None:
    lost = source.commit({"a.py": "x = 2\n"})
    source.git("reset", "--quiet", "--hard", "HEAD~1")
    source.git("reflog", "expire", "--expire=now", "--all")
    source.git("gc", "--quiet", "--prune=now")

    with pytest.raises(CommitNotFound, match=r"does not have the commit .*force push"):
        mirrors.ensure(local(source), lost, ref_name="main")
    assert mirrors.resolve(local(source)).commit != lost


def test_a_deleted_branch_is_named_with_what_is_close(mirrors: Mirrors, source: Repository) -> None:
    source.git("branch", "feature-one")
    mirrors.resolve(local(source), Ref.branch("feature-one"))
    source.git("branch", "-m", "feature-one", "feature-two")

    with pytest.raises(RefNotFound, match=r"has no branch feature-one; did you mean feature-two\?"):
        mirrors.resolve(local(source), Ref.branch("feature-one"))


def test_a_branch_that_is_a_tag_is_told_apart(mirrors: Mirrors, source: Repository) -> None:
    source.git("tag", "v1")
    with pytest.raises(RefNotFound, match="it has a tag of that name"):
        mirrors.resolve(local(source), Ref.branch("v1"))
    with pytest.raises(RefNotFound, match="it has a branch of that name"):
        mirrors.resolve(local(source), Ref.tag("main"))


def test_an_empty_repository_is_said_to_be_empty(mirrors: Mirrors, tmp_path: Path) -> None:
    empty = Repository.make(tmp_path / "empty")
    for ref in (Ref(), Ref.branch("main"), Ref.tag("v1")):
        with pytest.raises(EmptyRepository, match="no commit yet"):
            mirrors.resolve(local(empty), ref)


def test_a_head_that_leads_nowhere_asks_for_a_branch(mirrors: Mirrors, source: Repository) -> None:
    source.git("symbolic-ref", "HEAD", "refs/heads/gone")
    with pytest.raises(RefNotFound, match=r"name one with --branch \(branches: main\)"):
        mirrors.resolve(local(source))


def test_what_names_no_commit_is_refused(mirrors: Mirrors, source: Repository) -> None:
    tree = source.git("rev-parse", "HEAD^{tree}")
    source.git("tag", "tree", tree)
    with pytest.raises(CommitNotFound, match="not a commit of"):
        mirrors.resolve(local(source), Ref.commit(tree))
    with pytest.raises(CommitNotFound, match="not a commit of"):
        mirrors.resolve(local(source), Ref.tag("tree"))


@pytest.mark.parametrize(
    "name", ["", "-x", "--upload-pack=x", "a..b", "a b", "a\nb", "x.lock", "a*", "/x", "x/", "@", "a:b"]
)
def test_names_that_no_branch_can_have_are_refused(name: str) -> None:
    with pytest.raises(RefNotFound):
        Ref.branch(name)
    with pytest.raises(RefNotFound):
        Ref.tag(name)


@pytest.mark.parametrize("name", ["", "abc1234", "HEAD", "-" * 40, "g" * 40, "a" * 41])
def test_a_commit_is_named_by_its_full_id(name: str) -> None:
    with pytest.raises(RefNotFound, match="full id"):
        Ref.commit(name)


def test_what_is_no_repository_is_said_to_be_none(mirrors: Mirrors, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "file").write_text("x")
    for name, said in {"plain": "not a git repository", "file": "is a file", "missing": "no folder"}.items():
        with pytest.raises(NotARepository, match=said):
            mirrors.resolve(GitUrl.local(tmp_path / name))


def test_sources_that_the_settings_exclude_are_not_fetched(tmp_path: Path, source: Repository) -> None:
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    mirrors = Mirrors(folder=tmp_path / "cache", max_bytes=1, roots=[allowed], sources=["github.com"])
    with pytest.raises(SourceRefused, match="outside of the allowed folders"):
        mirrors.resolve(local(source))
    with pytest.raises(SourceRefused, match="not one of the allowed sources"):
        mirrors.resolve(GitUrl.parse("https://localhost:1/x"))


@pytest.mark.parametrize("hidden", ["quoted as C does", "behind 64 KiB of comments"])
def test_a_place_outside_is_not_hidden_from_the_check_by_how_it_is_written(
    tmp_path: Path, source: Repository, hidden: str
) -> None:
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    lender = tmp_path / "secret"
    git(tmp_path, "clone", "--quiet", "--bare", str(source.path), str(lender))
    git(tmp_path, "init", "--quiet", "--bare", str(allowed / "bare.git"))
    place = str(lender / "objects")
    written = f'"{place.replace("/", chr(92) + "057")}"' if hidden == "quoted as C does" else "#\n" * 40_000 + place
    (allowed / "bare.git" / "objects" / "info" / "alternates").write_text(f"{written}\n")
    git(allowed / "bare.git", "update-ref", "refs/heads/main", source.git("rev-parse", "HEAD"))
    mirrors = Mirrors(folder=tmp_path / "cache", max_bytes=1 << 30, roots=[allowed])
    with pytest.raises(SourceRefused, match="can't be checked"):
        mirrors.resolve(GitUrl.local(allowed / "bare.git"), Ref.branch("main"))


def test_a_repository_may_not_keep_objects_outside_of_the_allowed_folders(tmp_path: Path, source: Repository) -> None:
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    git(tmp_path, "clone", "--quiet", "--shared", str(source.path), str(allowed / "shared"))
    source.git("worktree", "add", "--quiet", str(allowed / "tree"), "-b", "side")
    git(tmp_path, "clone", "--quiet", "--no-local", str(source.path), str(allowed / "linked"))
    pack = allowed / "linked" / ".git" / "objects" / "pack"
    shutil.rmtree(pack)
    pack.symlink_to(source.path / ".git" / "objects" / "pack")
    (allowed / "loose" / ".git" / "objects" / "ab").mkdir(parents=True)
    (allowed / "loose" / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (allowed / "loose" / ".git" / "objects" / "ab" / ("c" * 38)).symlink_to(source.path / "a.py")
    strict = Mirrors(folder=tmp_path / "cache", max_bytes=1 << 30, roots=[allowed])

    for name in ("shared", "tree", "linked", "loose"):
        with pytest.raises(SourceRefused, match=r"keeps a part of itself in .*source"):
            strict.resolve(GitUrl.local(allowed / name))
    wider = Mirrors(folder=tmp_path / "cache", max_bytes=1 << 30, roots=[allowed, source.path])
    assert wider.resolve(GitUrl.local(allowed / "shared")).ref_name == "main"


# What breaks


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
