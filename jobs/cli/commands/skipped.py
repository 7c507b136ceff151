"""`pgdex skipped`: what is not in the index, and why."""

import json
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import click

from indexer.sources.skips import SkipReason
from jobs.cli.arguments import absolute_folder, json_option, project_of_folder_option
from jobs.cli.render.console import note, output, print_json, show
from jobs.cli.session import chosen_project, open_client
from jobs.errors import InvalidRequest

if TYPE_CHECKING:
    from jobs.client import Client
    from jobs.models import SkippedFile

TERMINAL_LIMIT = 100


@click.command()
@click.argument("path", required=False)
@project_of_folder_option
@click.option(
    "--reason",
    type=click.Choice([reason.value for reason in SkipReason]),
    metavar="R",
    help=f"Only files with this reason: {', '.join(reason.value for reason in SkipReason)}.",
)
@click.option(
    "--limit",
    type=click.IntRange(1),
    metavar="N",
    help=f"Files to list (default: {TERMINAL_LIMIT} on a terminal, else all).",
)
@json_option
def skipped(*, path: str | None, project: str | None, reason: str | None, limit: int | None, as_json: bool) -> None:
    """List the files that are known but not in the index, each with its reason; a summary comes first.

    PATH is an indexed repository or a folder in it; without it, all repositories of the project are listed. What
    .gitignore, .pgdexignore and built-in rules (such as .git) leave out is not listed.
    """
    from jobs.index_contents import skipped_files

    with open_client() as client:
        place = absolute_folder(path or ".")
        project = chosen_project(client.settings, argument=project, folder=place).id
        root, below = _repository_of(client, path, project=project) if path else (None, "")
        files = [
            file
            for file in skipped_files(client.connection, project=project, repo_path=root, reason=reason)
            if file.path.startswith(below)
        ]
    if as_json:
        _print_json(files, limit=limit)
        return
    if not files:
        note("No file was skipped." if reason is None else f"No file was skipped as {reason}.")
        return
    _show(files, folder=str(absolute_folder(path)) if path else None, limit=limit)


def _repository_of(client: "Client", path: str, *, project: str) -> tuple[str, str]:
    """The indexed repository that `path` is or lies in, and the beginning that the wished files' paths have."""
    from jobs.index_contents import indexed_repositories

    wanted = absolute_folder(path)
    roots = [one.root for one in indexed_repositories(client.connection, project=project)]
    for folder in (wanted, *wanted.parents):
        if str(folder) in roots:
            below = "" if folder == wanted else f"{wanted.relative_to(folder).as_posix()}/"
            return str(folder), below
    indexed = f"Indexed are: {', '.join(roots)}" if roots else "Nothing is indexed there yet"
    raise InvalidRequest(f"{wanted} is not indexed in project {project}. {indexed}")


def _print_json(files: "Sequence[SkippedFile]", *, limit: int | None) -> None:
    from jobs.cli.render.skipped import by_reason

    document = {
        "total_count": len(files),
        "by_reason": by_reason(files),
        "files": [file.model_dump(mode="json") for file in files[:limit]],
    }
    print_json(json.dumps(document, ensure_ascii=False, indent=2))


def _show(files: "Sequence[SkippedFile]", *, folder: str | None, limit: int | None) -> None:
    from rich.text import Text

    from jobs.cli.render.skipped import by_reason, files_table, reasons_table
    from jobs.cli.render.text import count, printable

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
