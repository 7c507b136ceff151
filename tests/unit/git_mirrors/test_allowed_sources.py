"""What is not fetched at all: what is no repository, and what the settings exclude, however it is hidden."""

import shutil
from pathlib import Path

import pytest

from pgdex.indexer.git import GitUrl, Mirrors, NotARepository, Ref, SourceRefused
from tests.support.git_repositories import Repository, git
from tests.support.mirrored_sources import local


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
