"""Which folders may be indexed."""

import os
from pathlib import Path

import pytest

from pgdex.jobs.errors import InvalidRequest
from pgdex.jobs.repository_path import checked_root


def test_a_path_is_resolved(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert checked_root(tmp_path / "link" / ".." / "real") == tmp_path.resolve() / "real"


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("relative/path", "must be absolute, got 'relative/path'"),
        (".", "must be absolute"),
        ("", "must be absolute"),
        ("/no/such/folder", "there is no folder /no/such/folder"),
        ("/tmp/nul\0byte", "there is no folder"),
        ("~no-such-user/repository", "there is no folder ~no-such-user/repository"),
    ],
)
def test_what_is_wrong_with_a_path_is_said(path: str, why: str) -> None:
    with pytest.raises(InvalidRequest, match=why):
        checked_root(path)


def test_a_file_and_a_loop_of_links_are_no_folders(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(InvalidRequest, match="is not a folder"):
        checked_root(tmp_path / "file")
    with pytest.raises(InvalidRequest, match="there is no folder"):
        checked_root(tmp_path / "loop")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder, so none can be refused")
def test_a_folder_that_can_not_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    with pytest.raises(InvalidRequest, match="can't be read by this user"):
        checked_root(tmp_path / "closed")


def test_with_allowed_roots_only_they_and_what_is_below_them_is_allowed(tmp_path: Path) -> None:
    for name in ("allowed/repository", "allowed-not", "other"):
        (tmp_path / name).mkdir(parents=True)
    roots = (tmp_path / "allowed", tmp_path / "missing")
    assert checked_root(tmp_path / "allowed", allowed_roots=roots) == tmp_path.resolve() / "allowed"
    assert checked_root(tmp_path / "allowed/repository", allowed_roots=roots).name == "repository"
    for name in ("allowed-not", "other", "allowed/../other"):
        with pytest.raises(InvalidRequest, match="PGDEX_ALLOWED_ROOTS"):
            checked_root(tmp_path / name, allowed_roots=roots)


def test_a_link_does_not_lead_out_of_the_allowed_roots(tmp_path: Path) -> None:
    for name in ("allowed", "secret"):
        (tmp_path / name).mkdir()
    (tmp_path / "allowed/link").symlink_to(tmp_path / "secret")
    with pytest.raises(InvalidRequest, match=f"leads to {tmp_path.resolve()}/secret, which lies outside"):
        checked_root(tmp_path / "allowed/link", allowed_roots=(tmp_path / "allowed",))


def test_an_allowed_root_may_be_a_link_itself(tmp_path: Path) -> None:
    (tmp_path / "real/repository").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    found = checked_root(tmp_path / "link/repository", allowed_roots=(tmp_path / "link",))
    assert found == tmp_path.resolve() / "real/repository"
