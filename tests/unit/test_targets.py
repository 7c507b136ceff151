"""What is to be indexed, as people name it: paths, addresses, branches, tags and commits."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdex.jobs.client.targets import Target, is_address, locations_of, target_of
from pgdex.jobs.errors import InvalidRequest
from pgdex.jobs.settings import Settings
from tests.support.git_trees import git, repository

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\0:"), min_size=1, max_size=20)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "https://forge.example/team/repo.git",
            "HTTPS://forge.example/x",
            "ssh://git@forge.example/x",
            "file:///srv/x",
        ),
        *("git@forge.example:team/repo.git", "me@10.0.0.1:repo", "http://forge.example/x", "ext::sh -c true"),
        *("fd::17", "git://forge.example/x"),
    ],
)
def test_what_has_a_protocol_or_a_user_and_a_host_is_an_address(text: str) -> None:
    assert is_address(text)


@pytest.mark.parametrize(
    "text",
    ["", ".", "/srv/x", "~/x", "x", "x/y@z:w", "C:\\x", "C:/x", "a b@c:d", "@x:y", "--upload-pack=touch x", "x:y"],
)
def test_anything_else_is_a_path(text: str) -> None:
    assert not is_address(text)


@given(NAMES, NAMES)
def test_no_absolute_or_relative_path_without_a_colon_is_an_address(first: str, second: str) -> None:
    for text in (first, f"/{first}/{second}", f"./{first}", f"{first}/{second}"):
        assert not is_address(text)


def test_a_folder_that_looks_like_an_address_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "git@host:x").mkdir()
    monkeypatch.chdir(tmp_path)
    assert not is_address("git@host:x")
    assert target_of(tmp_path / "git@host:x", settings=Settings()) == Target(str(tmp_path.resolve() / "git@host:x"))


def test_a_folder_is_its_working_files_and_with_a_ref_what_git_has(tmp_path: Path) -> None:
    root = repository(tmp_path.resolve() / "r")
    (tmp_path / "link").symlink_to(root)

    def target(**ref: str) -> Target:
        return target_of(tmp_path / "link", settings=Settings(), **ref)

    assert target() == Target(str(root))
    assert target().folder == root
    assert target(branch="topic/x") == Target(str(root), "refs/heads/topic/x")
    assert target(tag="v1") == Target(str(root), "refs/tags/v1")
    assert target(commit=COMMIT) == Target(str(root), COMMIT)
    assert target(commit=COMMIT).folder is None


def test_a_bare_repository_and_an_address_are_meant_at_their_default_branch(tmp_path: Path) -> None:
    git("init", "--quiet", "--bare", "team.git", at=tmp_path)
    bare = tmp_path.resolve() / "team.git"
    assert target_of(bare, settings=Settings()) == Target(str(bare), "HEAD")
    assert target_of(f"file://{bare}", settings=Settings()) == Target(str(bare), "HEAD")
    address = "https://forge.example/team/repo.git"
    assert target_of(address, settings=Settings()) == Target(address, "HEAD")
    assert target_of(address, settings=Settings(), branch="main") == Target(address, "refs/heads/main")


@pytest.mark.parametrize(
    ("text", "ref", "said"),
    [
        ("https://u:geheim@forge.example/x", {}, "password"),
        ("https://forge.example/x", {"branch": "a..b"}, "a..b"),
        ("https://forge.example/x", {"branch": "-x"}, "-x"),
        ("https://forge.example/x", {"commit": "abc"}, "abc"),
        ("https://forge.example/x", {"branch": "a", "commit": COMMIT}, "only one of branch and commit"),
        ("http://forge.example/x", {}, "http"),
        ("ext::sh -c 'touch pwned'", {}, "ext"),
        ("--upload-pack=touch pwned", {}, "take it for an option"),
        ("/no/such/folder", {}, "there is no folder"),
        ("relative", {}, "must be absolute"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_reason(
    text: str, ref: dict[str, str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidRequest) as refused:
        target_of(text, settings=Settings(), **ref)
    assert said in str(refused.value)
    assert "geheim" not in str(refused.value)
    assert subprocess.run(["ls"], capture_output=True, check=True).stdout == b""


def test_a_folder_outside_of_the_allowed_ones_is_refused_also_as_a_source(tmp_path: Path) -> None:
    root = repository(tmp_path / "r")
    (tmp_path / "allowed").mkdir()
    settings = Settings(allowed_roots=str(tmp_path / "allowed"))
    for text in (str(root), f"file://{root}"):
        for ref in ({}, {"branch": "main"}):
            with pytest.raises(InvalidRequest, match="outside of the "):
                target_of(text, settings=settings, **ref)


def test_a_view_is_named_by_any_spelling_of_its_path_or_address() -> None:
    assert "/srv/shop.git@HEAD" in locations_of("file:///srv/shop.git")
    assert "/srv/shop.git@HEAD" in locations_of("/srv/x/../shop.git")
    assert "/srv/shop@develop" in locations_of("/srv/shop@develop")
    assert "https://git.example.com/team/shop.git" in locations_of("https://Git.Example.com/team/shop.git")
    with pytest.raises(InvalidRequest, match="password or a token"):
        locations_of("https://ada:secret@git.example.com/team/shop.git")
