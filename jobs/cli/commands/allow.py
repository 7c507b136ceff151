"""`pgdex allow`: let a .pgdex.toml choose the project of its repositories."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pgdex.jobs.cli.arguments import absolute_folder, json_option
from pgdex.jobs.cli.completing import choices
from pgdex.jobs.cli.render.console import note, print_json, say
from pgdex.jobs.client.printable import printable
from pgdex.jobs.errors import InvalidRequest

if TYPE_CHECKING:
    from pgdex.jobs.client.trust import Allowed


@click.command()
@click.argument("path", default=".", shell_complete=choices.folders)
@click.option("--revoke", is_flag=True, help="Revoke it: the file is ignored again.")
@click.option("--list", "listed", is_flag=True, help="List the allowed files.")
@json_option
def allow(*, path: str, revoke: bool, listed: bool, as_json: bool) -> None:
    """Let the .pgdex.toml in PATH, or in the nearest folder above it, choose the project of everything below it.

    A cloned repository may contain such a file, so none is trusted until you allow it, and one that changed has to be
    allowed again. PATH defaults to the current folder; it may be the file itself.

    \b
    Examples:
      pgdex allow
      pgdex allow --list
      pgdex allow --revoke ~/src/web
    """
    from pgdex.jobs.client import trust
    from pgdex.jobs.client.projects import read_project_file
    from pgdex.jobs.settings import settings

    home = settings().home
    if listed:
        _list(trust.allowed_files(home), as_json=as_json)
        return
    if revoke:
        file = _file_to_revoke(path, [one.file for one in trust.allowed_files(home)])
        if not trust.revoke(home, file):
            raise InvalidRequest(f"{file} was not allowed: nothing to revoke")
        _tell({"file": str(file), "allowed": False}, f"{file} is ignored from now on.", as_json=as_json)
        return
    found = read_project_file(_file(path))
    project = found.project()
    trust.allow(home, found.path, found.content)
    _tell(
        {"file": str(found.path), "allowed": True, "project": project},
        f"{found.path} may choose the project {project}, until the file changes.",
        as_json=as_json,
    )


def _file(path: str) -> Path:
    """The .pgdex.toml that PATH means. Raises InvalidRequest."""
    from pgdex.jobs.client.projects import FILE_NAME, project_files

    place = _place(path)
    file = place if place.name == FILE_NAME and place.is_file() else next(project_files(place), None)
    if file is None:
        raise InvalidRequest(f"there is no {FILE_NAME} in {place}, nor in a folder above it")
    return file


def _file_to_revoke(path: str, allowed: list[Path]) -> Path:
    """As `_file`; also one that is gone."""
    from pgdex.jobs.client.projects import FILE_NAME

    place = _place(path)
    candidates = [place, *(folder / FILE_NAME for folder in (place, *place.parents))]
    return next((file for file in candidates if file in allowed), None) or _file(path)


def _place(path: str) -> Path:
    """PATH as an absolute one; where it is the file itself, only its folder's links are resolved."""
    from pgdex.jobs.client.projects import FILE_NAME

    given = Path(path).expanduser()
    return absolute_folder(str(given.parent)) / FILE_NAME if given.name == FILE_NAME else absolute_folder(path)


def _list(allowed: "list[Allowed]", *, as_json: bool) -> None:
    rows = [{"file": str(one.file), "state": one.state} for one in allowed]
    if as_json:
        import json

        print_json(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    for row in rows:
        click.echo(f"{row['state']:<8} {printable(row['file'])}")
    if not rows:
        note("No .pgdex.toml is allowed to choose a project.")


def _tell(document: dict[str, object], sentence: str, *, as_json: bool) -> None:
    if as_json:
        import json

        print_json(json.dumps(document, ensure_ascii=False))
    else:
        say(sentence)
