"""`pgdex repos`: the repositories of a project and their views."""

from datetime import UTC, datetime

import click

from pgdex.jobs.cli.arguments import json_option, project_of_folder_option, repository_filter
from pgdex.jobs.cli.completing import choices
from pgdex.jobs.cli.render.console import note, output, print_json, show
from pgdex.jobs.cli.session import chosen_project, open_client, present_folder


@click.command()
@click.option(
    "--repo",
    metavar="TEXT",
    shell_complete=choices.repositories,
    help="Only repositories with this in their name, or at or below this path.",
)
@project_of_folder_option
@click.option(
    "-n",
    "--limit",
    metavar="N",
    type=click.IntRange(1, 1000),
    default=50,
    show_default=True,
    help="How many repositories to show.",
)
@click.option("--offset", metavar="N", type=click.IntRange(min=0), default=0, help="How many repositories to skip.")
@json_option
def repos(*, repo: str | None, project: str | None, limit: int, offset: int, as_json: bool) -> None:
    """List the repositories of a project, with their views: folders, worktrees.

    Each repository says how much it holds, how much of that more than one view shares, what is kept although no view
    holds it any more, and what its chunks take up on disk (~ is an estimate). Each view says when it was indexed, how
    its last job ended, and whether its folder is gone.

    \b
    Examples:
      pgdex repos
      pgdex repos --repo shop --json
    """
    from pgdex.jobs.client.repositories import repository_page

    with open_client() as client:
        chosen = chosen_project(client.settings, argument=project, folder=present_folder()).id
        page = repository_page(
            client, project=chosen, repo=repository_filter(repo) if repo else None, limit=limit, offset=offset
        )
    if as_json:
        print_json(page.as_json(indent=2))
        return
    from pgdex.jobs.cli.render.repositories import page_notes, repository_lines

    if page.repositories:
        show(*repository_lines(page, now=datetime.now(UTC), width=output().width))
    elif page.total_count == 0:
        note(
            f"No repository of project {chosen} matches."
            if repo
            else f"Nothing is indexed in project {chosen} yet. Start with: pgdex index PATH"
        )
    for remark in page_notes(page, offset=offset):
        note(remark)
