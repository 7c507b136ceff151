"""`pgdex remove`: take a repository out of the index, after a question."""

import json
from typing import TYPE_CHECKING

import click

from pgdex.jobs.cli.arguments import absolute_folder, json_option, project_of_folder_option
from pgdex.jobs.cli.render.console import is_confirmed, note, print_json
from pgdex.jobs.cli.render.text import count, printable
from pgdex.jobs.cli.session import open_client

if TYPE_CHECKING:
    from pgdex.jobs.client.models import IndexedView
    from pgdex.jobs.database.connection import Connection

WHAT = """
    select (select count(*) from pgdex.view_files where view_id = %(id)s),
        (select chunks from pgdex.views where id = %(id)s),
        (select count(*) from pgdex.indexing_jobs where view_id = %(id)s)
"""


@click.command()
@click.argument("repository", metavar="PATH|NAME")
@project_of_folder_option
@click.option("--cancel", is_flag=True, help="If it is being indexed, cancel the job first.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@json_option
def remove(repository: str, project: str | None, cancel: bool, yes: bool, as_json: bool) -> None:
    """Remove a repository from the index: its files, chunks and vectors, and the history of its jobs.

    PATH|NAME is the folder that was indexed, which need not exist any more, or the repository's name. The folder itself
    is not touched, and `pgdex index` indexes it again from the start.
    """
    from pgdex.jobs.client.projects import resolve_project
    from pgdex.jobs.client.removal import is_there, remove_rows, remove_view, view_to_remove

    with open_client() as client:
        place = absolute_folder(repository) if repository else absolute_folder(".")
        folder = place if place.is_dir() else absolute_folder(".")
        project = resolve_project(client.settings, argument=project, folder=folder).id
        chosen = view_to_remove(client.connection, repository, project=project)
        if not yes:
            explanation = _question(client.connection, chosen, project)
            if not is_confirmed(explanation, question="Remove it?", declined="Not removed."):
                return
        remove_view(client.connection, chosen, cancel=cancel)
        try:
            for _ in remove_rows(client.connection, chosen):
                pass
            is_complete = not is_there(client.connection, chosen)
        except KeyboardInterrupt:
            is_complete = False
    if as_json:
        document = {"repo_path": chosen.root, "project_id": project, "is_complete": is_complete}
        print_json(json.dumps(document, indent=2))
        return
    click.echo(f"Removed {printable(chosen.root)} from the index.")
    if not is_complete:
        note("Another transaction (a backup, perhaps) still has its table open: a worker deletes the rest later.")


def _question(connection: "Connection", chosen: "IndexedView", project: str) -> str:
    files, chunks, jobs = connection.execute(WHAT, {"id": chosen.id}).fetchone() or (0, 0, 0)
    return (
        f"Remove {printable(chosen.root)} from project {project}?\n"
        f"  lost: the index of {count(files, 'file')} ({count(chunks, 'chunk')}), the history of {count(jobs, 'job')}\n"
        "  kept: the folder itself"
    )
