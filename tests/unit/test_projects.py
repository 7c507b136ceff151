from pathlib import Path

import pytest

from jobs.errors import InvalidRequest
from jobs.projects import LARGEST_FILE_BYTES, nearest_file, resolve_project
from jobs.settings import Settings


def said(folder: Path, text: str) -> Path:
    file = folder / ".pgdex.toml"
    file.write_text(text)
    return file


def test_the_argument_comes_before_everything(tmp_path: Path) -> None:
    said(tmp_path, 'project = "file"')

    found = resolve_project(Settings(project="variable"), argument="argument", folder=tmp_path)

    assert (found.id, found.source, found.origin) == ("argument", "argument", "argument")


def test_the_setting_comes_before_the_file(tmp_path: Path) -> None:
    said(tmp_path, 'project = "file"')

    found = resolve_project(Settings(project="variable"), folder=tmp_path)

    assert (found.id, found.origin) == ("variable", "PGDEX_PROJECT")


def test_the_nearest_file_counts(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b" / "c"
    deep.mkdir(parents=True)
    said(tmp_path, 'project = "far"')
    near = said(tmp_path / "a", 'project = "near"\n# and a remark\n')

    found = resolve_project(Settings(), folder=deep)

    assert (found.id, found.source, found.origin) == ("near", ".pgdex.toml", str(near))


def test_nothing_said_is_the_default(tmp_path: Path) -> None:
    assert resolve_project(Settings(), folder=tmp_path).origin == "default"
    assert resolve_project(Settings()).id == "default"


@pytest.mark.parametrize("project", ["", "a b", "-x", "../x", "ä", "x" * 101, "x\n", "x\0"])
def test_an_id_that_can_be_none_is_quoted(project: str) -> None:
    with pytest.raises(InvalidRequest, match="project id") as error:
        resolve_project(Settings(), argument=project)

    assert repr(project) in str(error.value)


@pytest.mark.parametrize(
    "text", ["", "project = 7", 'project = "a b"', "project = [", "# \udc80", "#" * (LARGEST_FILE_BYTES + 1)]
)
def test_a_file_that_can_not_be_used_is_named(text: str, tmp_path: Path) -> None:
    file = tmp_path / ".pgdex.toml"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))

    with pytest.raises(InvalidRequest) as error:
        resolve_project(Settings(), folder=tmp_path)

    assert str(file) in str(error.value)


def test_a_folder_of_that_name_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "a" / ".pgdex.toml").mkdir(parents=True)

    assert nearest_file(tmp_path / "a") is None
