"""Which folders are too broad to be indexed without being asked twice."""

import os
import pwd
from pathlib import Path

import pytest

from pgdex.jobs.client.broad_folders import is_named, require_narrow
from pgdex.jobs.errors import InvalidRequest, TooBroad

NOWHERE = Path("/nonexistent/pgdex")


@pytest.mark.parametrize(
    "folder", ["/", "/usr", "/etc", "/var", "/tmp", "/usr/lib", "/usr/share", "/dev", "/proc", "/sys"]
)
def test_folders_of_the_system_are_refused_with_what_they_are(folder: str) -> None:
    with pytest.raises(TooBroad, match=r"(the top of a disk|of the operating system|share), and indexing it would"):
        require_narrow(Path(folder).resolve(), home=NOWHERE)


def test_every_persons_home_is_refused_and_what_is_around_it() -> None:
    home = Path(pwd.getpwuid(os.getuid()).pw_dir).resolve()

    with pytest.raises(TooBroad):
        require_narrow(home, home=NOWHERE)
    with pytest.raises(TooBroad):
        require_narrow(home.parent, home=NOWHERE)


def test_the_home_that_the_environment_names_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    with pytest.raises(TooBroad, match="is a home folder"):
        require_narrow(tmp_path.resolve(), home=NOWHERE)
    (tmp_path / "project").mkdir()
    require_narrow(tmp_path.resolve() / "project", home=NOWHERE)


def test_a_folder_with_the_index_in_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TooBroad, match=r"keeps its own data \(.*/data/pgdex\)"):
        require_narrow(tmp_path.resolve(), home=tmp_path / "data" / "pgdex")


def test_a_mounted_repository_is_meant_though_its_folder_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pgdex.jobs.client.broad_folders.SHARED_FOLDERS", frozenset())
    require_narrow(Path("/tmp").resolve(), home=NOWHERE)


@pytest.mark.parametrize(
    "folder", ["/usr/lib/python3", "/usr/share/doc", "/opt/project", "/home/someone/src", "/srv/app"]
)
def test_what_lies_below_is_a_project(folder: str) -> None:
    require_narrow(Path(folder), home=NOWHERE)


def test_an_allowed_root_is_meant_and_one_above_it_is_not(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/usr")

    assert is_named(Path("/usr").resolve(), [tmp_path / "link"])
    assert not is_named(Path("/usr/lib").resolve(), [Path("/usr")])
    assert issubclass(TooBroad, InvalidRequest)
