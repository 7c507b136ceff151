"""`pgdex list`: the jobs, newest first."""

from datetime import UTC, datetime

import click

from pgdex.jobs.cli.arguments import Timestamp, json_option, repository_filter
from pgdex.jobs.cli.completing import choices
from pgdex.jobs.cli.render.console import note, output, print_json, show
from pgdex.jobs.cli.session import open_client
from pgdex.jobs.client.models import STATUSES, Status


@click.command("list")
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice(STATUSES),
    help="Only jobs with this status; may be repeated.",
)
@click.option(
    "--repo",
    metavar="TEXT",
    shell_complete=choices.repositories,
    help="Only repositories with this in their name, or at or below this path.",
)
@click.option(
    "--project", metavar="ID", shell_complete=choices.projects, help="Only jobs of this project (default: of all)."
)
@click.option(
    "--since",
    type=Timestamp(),
    metavar="TIME",
    help="Only jobs created since: an age such as 2h or 3d, or a date and time such as 2026-11-21T14:30.",
)
@click.option(
    "-n",
    "--limit",
    metavar="N",
    type=click.IntRange(1, 1000),
    default=20,
    show_default=True,
    help="How many jobs to show.",
)
@click.option(
    "--offset", metavar="N", type=click.IntRange(min=0), default=0, help="How many of the newest jobs to skip."
)
@json_option
def list_jobs(
    *,
    statuses: tuple[Status, ...],
    repo: str | None,
    project: str | None,
    since: datetime | None,
    limit: int,
    offset: int,
    as_json: bool,
) -> None:
    """List indexing jobs of all projects, newest first.

    The ids in the first column work wherever a JOB_ID is expected.

    \b
    Examples:
      pgdex list --status running --status blocked
      pgdex list --repo . --since 7d
    """
    with open_client() as client:
        page = client.list_jobs(
            status=statuses,
            repo=repository_filter(repo) if repo else None,
            project=project,
            since=since,
            limit=limit,
            offset=offset,
        )
    if as_json:
        print_json(page.as_json(indent=2))
        return
    from pgdex.jobs.cli.render.job_list import job_list_table, page_note

    if page.jobs:
        show(job_list_table(page, now=datetime.now(UTC), full_ids=not output().is_terminal, width=output().width))
    elif page.total_count == 0:
        narrowed = bool(statuses or repo or project or since)
        note("No job matches." if narrowed else "There are no jobs yet. Start one with: pgdex index PATH")
    remark = page_note(page, offset=offset)
    if remark:
        note(remark)
