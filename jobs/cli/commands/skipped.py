"""`pgdex skipped`: what is not in the index, and why."""

import json
import os
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pgdex.indexer.sources.skips import SkipReason
from pgdex.jobs.cli.arguments import absolute_folder, json_option, project_of_folder_option
from pgdex.jobs.cli.completing import choices
from pgdex.jobs.cli.render.console import note, output, print_json, say, show
from pgdex.jobs.cli.session import chosen_project, open_client
from pgdex.jobs.errors import InvalidRequest
from pgdex.jobs.repository_path import normalized_path

if TYPE_CHECKING:
    from pgdex.jobs.client.client import Client
    from pgdex.jobs.client.explain import Why
    from pgdex.jobs.client.models import SkippedFile

TERMINAL_LIMIT = 100


@click.command()
@click.argument("path", required=False, shell_complete=choices.folders)
@project_of_folder_option
@click.option(
    "--reason",
    type=click.Choice([reason.value for reason in SkipReason]),
    metavar="R",
    help=f"Only files with this reason: {', '.join(reason.value for reason in SkipReason)}.",
)
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(1),
    metavar="N",
    help=f"How many files to list (default: {TERMINAL_LIMIT} on a terminal, else all).",
)
@click.option(
    "--why",
    metavar="FILE",
    shell_complete=choices.files,
    help="Explain one file instead: whether it is indexed, ignored (by which line of which file), or skipped, and why.",
)
@json_option
def skipped(
    *, path: str | None, project: str | None, reason: str | None, limit: int | None, why: str | None, as_json: bool
) -> None:
    """List the files that are known but not in the index, each with its reason; a summary comes first.

    PATH is an indexed repository, or a folder or a file in it; without it, all repositories of the project are listed.
    What .gitignore, .pgdexignore and built-in rules (such as .git) exclude is not listed: --why explains it. FILE is
    absolute, or relative to PATH or the current folder.
    """
    if why is not None:
        _explain(why, path=path, project=project, as_json=as_json)
        return
    from pgdex.jobs.client.views import indexed_views, skipped_files

    with open_client() as client:
        place = absolute_folder(path or ".")
        project = chosen_project(client.settings, argument=project, folder=place).id
        root, below = _view_of(client, path, project=project) if path else (None, "")
        files = [
            file
            for file in skipped_files(client.connection, project=project, repo_path=root, reason=reason)
            if file.path.startswith(below) or file.path == below.removesuffix("/")
        ]
        is_empty = path is None and not files and not indexed_views(client.connection, project=project)
    if below and not files and not os.path.lexists(place):
        raise InvalidRequest(f"there is no {place}")
    if as_json:
        _print_json(files, limit=limit)
        return
    if not files and below and reason is None and not _is_entered(place, project=project):
        return
    if not files:
        nothing = "No file was skipped" if reason is None else f"No file was skipped as {reason}"
        start = f"Nothing is indexed in project {project} yet. Start with: pgdex index PATH"
        note(start if is_empty else f"{nothing}{f' in {place}' if path else ''}.")
        return
    _show(files, folder=str(absolute_folder(path)) if path else None, limit=limit)


def _is_entered(place: Path, *, project: str) -> bool:
    """Whether a place of an indexed repository is a folder whose files are looked at; else says what became of it."""
    answer = _why(str(place), path=None, project=project)
    if answer.status == "folder":
        return True
    say(answer.message)
    return False


def _explain(file: str, *, path: str | None, project: str | None, as_json: bool) -> None:
    answer = _why(file, path=path, project=project)
    if as_json:
        print_json(answer.as_json(indent=2))
    else:
        say(answer.message)


def _why(file: str, *, path: str | None, project: str | None) -> "Why":
    from pgdex.jobs.client.explain import why
    from pgdex.jobs.client.projects import resolve_project
    from pgdex.jobs.client.views import innermost_view

    folder = absolute_folder(path) if path else None
    wanted = _meant(file, folder)
    with open_client() as client:
        chosen = resolve_project(client.settings, argument=project, folder=folder or wanted.parent).id
        start = folder or wanted
        reals = [os.path.realpath(one) for one in (start, *start.parents)]
        around = innermost_view(client.connection, reals, project=chosen)
        root = Path(around.root) if around is not None else folder
        if root is None:
            raise InvalidRequest(f"{wanted} is in no repository of project {chosen}: give the repository's folder too")
        return why(
            client.connection,
            project=chosen,
            root=root,
            path=_below(wanted, root),
            max_file_bytes=client.settings.max_file_bytes,
        )


def _meant(file: str, folder: Path | None) -> Path:
    """The absolute path that `file` means: below `folder` if it is there, else from where the user stands.

    Links in it are not resolved, because a link is explained too.
    """
    given = Path(file).expanduser()
    here = Path.cwd() / given
    there = here if folder is None else folder / given
    return Path(normalized_path(str(there if os.path.lexists(there) or not os.path.lexists(here) else here)))


def _below(path: Path, root: Path) -> str:
    """`path` relative to `root`, also where it leads to it through a link; absolute if it does not."""
    for folder in path.parents:
        if os.path.realpath(folder) == str(root):
            return str(path.relative_to(folder))
    return "." if os.path.realpath(path) == str(root) else str(path)


def _view_of(client: "Client", path: str, *, project: str) -> tuple[str, str]:
    """The location of the view that `path` is or lies in, and the beginning that the wished files' paths have."""
    from pgdex.jobs.client.naming import what_is_indexed
    from pgdex.jobs.client.targets import locations_of
    from pgdex.jobs.client.views import indexed_views, innermost_view

    views = indexed_views(client.connection, project=project)
    known = {one.root for one in views}
    named = next((place for place in locations_of(path) if place in known), None)
    if named is not None:
        return named, ""
    wanted = absolute_folder(path)
    around = innermost_view(client.connection, map(str, (wanted, *wanted.parents)), project=project)
    if around is not None:
        below = "" if around.root == str(wanted) else f"{wanted.relative_to(around.root).as_posix()}/"
        return around.root, below
    raise InvalidRequest(f"{wanted} is not indexed in project {project}. {what_is_indexed(views)}")


def _print_json(files: "Sequence[SkippedFile]", *, limit: int | None) -> None:
    from pgdex.jobs.cli.render.skipped import by_reason

    document = {
        "total_count": len(files),
        "by_reason": by_reason(files),
        "files": [file.document() for file in files[:limit]],
    }
    print_json(json.dumps(document, ensure_ascii=False, indent=2))


def _show(files: "Sequence[SkippedFile]", *, folder: str | None, limit: int | None) -> None:
    from rich.text import Text

    from pgdex.jobs.cli.render.skipped import by_reason, files_table, reasons_table
    from pgdex.jobs.cli.render.text import count, printable

    repositories = len({file.repo_path for file in files})
    where = folder or (files[0].repo_path if repositories == 1 else f"{repositories} repositories")
    show(
        Text(f"{count(len(files), 'skipped file')} in {printable(where)}", style="bold"),
        reasons_table(by_reason(files)),
    )
    shown = files[: limit or (TERMINAL_LIMIT if output().is_terminal else None)]
    for root, group in groupby(shown, key=lambda file: file.repo_path):
        show("")
        if repositories > 1:
            show(Text(printable(root), style="bold"))
        show(files_table(list(group)))
    if len(shown) < len(files):
        note(f"… and {len(files) - len(shown):,} more. All: --limit {len(files)}, or pipe the output.")
