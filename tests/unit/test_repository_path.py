"""Which folders may be indexed."""

import os
import posixpath
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdex.jobs.errors import InvalidRequest
from pgdex.jobs.repository_path import normalized_path, real_path, resolve_root, spellings


@given(
    st.lists(st.sampled_from(["a", "b c", ".", "..", "", "...", "..a", "é", "a\nb"]), max_size=8).map(
        lambda parts: "/" + "/".join(parts)
    )
)
def test_an_absolute_path_is_normalised_as_posix_has_it(path: str) -> None:
    # Where POSIX keeps two slashes at the start, there is one.
    assert normalized_path(path) == "/" + posixpath.normpath(path).lstrip("/")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("C:\\code\\app\\", "C:\\code\\app"),
        ("c:/code//", "c:/code"),
        ("C:\\", "C:\\"),
        ("C:\\a\\..\\b", "C:\\a\\..\\b"),
    ],
)
def test_of_a_windows_path_only_slashes_at_its_end_go(path: str, expected: str) -> None:
    assert normalized_path(path) == expected
    assert spellings(path) == [expected]


def test_a_real_path_need_not_exist_and_is_one_that_a_database_can_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    real = tmp_path.resolve() / "real"
    for spelled in ("link", "./link/../link/", "~/link", tmp_path / "link"):
        assert real_path(spelled) == real
    assert real_path("link/gone/x") == real / "gone/x"
    with pytest.raises(UnicodeEncodeError):
        real_path(os.fsdecode(b"caf\xe9"))
    with pytest.raises(InvalidRequest, match="not UTF-8"):
        resolve_root(write_folder(tmp_path, b"caf\xe9"))


def write_folder(folder: Path, name: bytes) -> str:
    """A new folder of that name."""
    path = os.fsencode(folder) + b"/" + name
    os.mkdir(path)
    return os.fsdecode(path)


def test_a_folder_is_known_by_its_links_and_without_them(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert spellings(f"{tmp_path}/./link/") == [f"{tmp_path}/link", str(tmp_path.resolve() / "real")]
    assert spellings("") == []


def test_a_path_is_resolved(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert resolve_root(tmp_path / "link" / ".." / "real") == tmp_path.resolve() / "real"


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
        resolve_root(path)


def test_a_file_and_a_loop_of_links_are_no_folders(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(InvalidRequest, match="is not a folder"):
        resolve_root(tmp_path / "file")
    with pytest.raises(InvalidRequest, match="there is no folder"):
        resolve_root(tmp_path / "loop")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder, so none can be refused")
def test_a_folder_that_can_not_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    with pytest.raises(InvalidRequest, match="can't be read by this user"):
        resolve_root(tmp_path / "closed")


def test_with_allowed_roots_only_they_and_what_is_below_them_is_allowed(tmp_path: Path) -> None:
    for name in ("allowed/repository", "allowed-not", "other"):
        (tmp_path / name).mkdir(parents=True)
    roots = (tmp_path / "allowed", tmp_path / "missing")
    assert resolve_root(tmp_path / "allowed", allowed_roots=roots) == tmp_path.resolve() / "allowed"
    assert resolve_root(tmp_path / "allowed/repository", allowed_roots=roots).name == "repository"
    for name in ("allowed-not", "other", "allowed/../other"):
        with pytest.raises(InvalidRequest, match="PGDEX_ALLOWED_ROOTS"):
            resolve_root(tmp_path / name, allowed_roots=roots)


def test_a_link_does_not_lead_out_of_the_allowed_roots(tmp_path: Path) -> None:
    for name in ("allowed", "secret"):
        (tmp_path / name).mkdir()
    (tmp_path / "allowed/link").symlink_to(tmp_path / "secret")
    with pytest.raises(InvalidRequest, match=f"leads to {tmp_path.resolve()}/secret, which lies outside"):
        resolve_root(tmp_path / "allowed/link", allowed_roots=(tmp_path / "allowed",))


def test_an_allowed_root_may_be_a_link_itself(tmp_path: Path) -> None:
    (tmp_path / "real/repository").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    found = resolve_root(tmp_path / "link/repository", allowed_roots=(tmp_path / "link",))
    assert found == tmp_path.resolve() / "real/repository"
