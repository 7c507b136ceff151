"""`pgdex remove`: take views or a repository out of the index, after a question."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click

from pgdex.jobs.cli.arguments import Timestamp, absolute_folder, json_option, project_of_folder_option
from pgdex.jobs.cli.completing import choices
from pgdex.jobs.cli.render.console import is_confirmed, note, print_json, say
from pgdex.jobs.cli.render.text import count, printable
from pgdex.jobs.cli.session import open_client

if TYPE_CHECKING:
    from pgdex.jobs.client.client import Client
    from pgdex.jobs.client.models import IndexedView, RemovalEffect

CANCEL_FIRST = "cancel it first (pgdex cancel), or remove it with --cancel"


@click.command()
@click.argument("repository", metavar="[PATH|NAME]", required=False, shell_complete=choices.repositories)
@project_of_folder_option
@click.option("--all-views", is_flag=True, help="All views of the repository.")
@click.option("--missing", is_flag=True, help="Only views whose folder is gone, as far as this machine can tell.")
@click.option(
    "--older-than",
    type=Timestamp(),
    metavar="AGE",
    help="Only views that nobody asked to index since: an age such as 30d or 8w, or a date.",
)
@click.option("--cancel", is_flag=True, help="If any of it is being indexed, cancel that job first.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@json_option
def remove(
    *,
    repository: str | None,
    project: str | None,
    all_views: bool,
    missing: bool,
    older_than: datetime | None,
    cancel: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Remove views from the index: their files, chunks and vectors, and the history of their jobs.

    PATH|NAME is the folder that was indexed, which need not exist any more, or the name of a repository or view. If a
    repository has several views, choose one by its path or use --all-views. What other views also hold stays. Folders
    are not touched, and `pgdex index` indexes them again.

    \b
    Examples:
      pgdex remove ~/src/shop
      pgdex remove --missing
      pgdex remove --older-than 30d
    """
    from pgdex.jobs.client.projects import resolve_project
    from pgdex.jobs.client.removal_choice import (
        Wish,
        missing_elsewhere,
        removal_effect,
        require_no_live_job,
        views_to_remove,
    )

    wish = Wish(repository, all_views=all_views, missing=missing, older_than=older_than)
    with open_client() as client:
        place = absolute_folder(repository) if repository else absolute_folder(".")
        folder = place if place.is_dir() else absolute_folder(".")
        project = resolve_project(client.settings, argument=project, folder=folder).id
        chosen = views_to_remove(client, wish, project=project)
        if missing:
            for root in missing_elsewhere(client, chosen, project=project):
                note(
                    f"Not removed: {root}. The workers found it gone, but this machine can't tell; if it is gone, "
                    "remove it by its path."
                )
        if not chosen:
            _nothing_chosen(project, as_json=as_json)
            return
        if not cancel:
            require_no_live_job(client, chosen, advice=CANCEL_FIRST)
        effects = removal_effect(client, chosen)
        if not yes and not _agreed(chosen, effects, project, folders_exist=not missing):
            return
        is_complete = _removed(client, chosen, cancel=cancel)
    _say(chosen, effects, project=project, is_complete=is_complete, as_json=as_json)


def _agreed(
    chosen: "Sequence[IndexedView]", effects: "Sequence[RemovalEffect]", project: str, *, folders_exist: bool
) -> bool:
    from pgdex.jobs.cli.render.repositories import removal_explained

    what = printable(chosen[0].root) if len(chosen) == 1 else count(len(chosen), "view")
    explanation = removal_explained(
        chosen, effects, question=f"Remove {what} from project {printable(project)}?", folders_exist=folders_exist
    )
    question = "Remove it?" if len(chosen) == 1 else "Remove them?"
    return is_confirmed(explanation, question=question, declined="Not removed.")


def _removed(client: "Client", chosen: "Sequence[IndexedView]", *, cancel: bool) -> bool:
    """Remove the views, then their rows; whether all of these are gone."""
    from pgdex.jobs.client.removal import is_there, remove_rows, remove_view

    for view in chosen:
        remove_view(client.connection, view, cancel=cancel)
    try:
        for view in {view.repository_id: view for view in chosen}.values():
            for _ in remove_rows(client.connection, view):
                pass
        return not any(is_there(client.connection, view) for view in chosen)
    except KeyboardInterrupt:
        return False


def _nothing_chosen(project: str, *, as_json: bool) -> None:
    if as_json:
        print_json(json.dumps({"project_id": project, "removed": [], "is_complete": True, "bytes_freed": 0}, indent=2))
    else:
        note(f"No view of project {project} matches: nothing was removed.")


def _say(
    chosen: "Sequence[IndexedView]",
    effects: "Sequence[RemovalEffect]",
    *,
    project: str,
    is_complete: bool,
    as_json: bool,
) -> None:
    if as_json:
        document = {
            "project_id": project,
            "removed": [{"repo_path": view.root, "repository": view.name, "view": view.view_name} for view in chosen],
            "is_complete": is_complete,
            "files": sum(one.files for one in effects),
            "chunks": sum(one.chunks for one in effects),
            "versions_kept": sum(one.versions_kept for one in effects),
            "bytes_freed": sum(one.bytes_freed for one in effects),
            "bytes_freed_is_estimate": any(one.is_estimate for one in effects),
        }
        print_json(json.dumps(document, indent=2))
        return
    from pgdex.jobs.cli.render.repositories import freed

    what = printable(chosen[0].root) if len(chosen) == 1 else count(len(chosen), "view")
    say(f"Removed {what} from the index.")
    note(f"Space freed: {freed(effects)}.")
    if not is_complete:
        note("Another transaction (a backup, perhaps) still has its table open: a worker deletes the rest later.")
