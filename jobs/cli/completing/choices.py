"""The values that a shell is offered for arguments and options."""

import os
from collections.abc import Iterable
from typing import Any, LiteralString

import click
from click.shell_completion import CompletionItem

Items = list[CompletionItem[str]]

MOST_OFFERED = 200
MOST_JOBS = 30
PATH_BEGINNINGS = (".", "/", "~")
# Those of pgdex.indexer.chunking, which takes 0.1 s to import.
KINDS = (
    *("module", "namespace", "class", "interface", "struct", "enum", "type", "function", "method", "variable"),
    *("macro", "test", "table", "resource", "rule", "element", "section", "key", "block"),
)
JOBS: LiteralString = (
    "select job_id, repository, status, progress_percentage from pgdex.job_status where project_id = %(project)s"
)
LIVE: LiteralString = " and pgdex.is_live(status)"
RETRIED: LiteralString = " and status in ('failed', 'cancelled')"
NEWEST: LiteralString = " order by created_at desc limit %(most)s"
REPOSITORIES: LiteralString = (
    "select name, min(location) from pgdex.views_status where project_id = %(project)s group by name"
    " order by name limit %(most)s"
)
VIEWS: LiteralString = (
    "select view_name, location from pgdex.views_status where project_id = %(project)s"
    " order by view_name limit %(most)s"
)
PROJECTS: LiteralString = "select distinct project_id from pgdex.repositories order by 1 limit %(most)s"


def languages(_ctx: click.Context, _parameter: click.Parameter, begun: str) -> Items:
    """The languages that files can be in."""
    from pgdex.indexer.languages import NAMES

    return _beginning_with(begun, NAMES)


def kinds(_ctx: click.Context, _parameter: click.Parameter, begun: str) -> Items:
    """The kinds of chunks."""
    return _beginning_with(begun, KINDS)


def folders(_ctx: click.Context, _parameter: click.Parameter, begun: str) -> Items:
    """Folders, as the shell completes them."""
    return [CompletionItem(begun, type="dir")]


def files(_ctx: click.Context, _parameter: click.Parameter, begun: str) -> Items:
    """Files, as the shell completes them."""
    return [CompletionItem(begun, type="file")]


def locations(_ctx: click.Context, _parameter: click.Parameter, begun: str) -> Items:
    """Files with the colon that a line comes after, and folders to go on in."""
    from pgdex.jobs.cli.completing.shells import PART

    folder, name = os.path.split(begun)
    found = []
    try:
        entries = sorted(os.scandir(os.path.expanduser(folder) or "."), key=lambda entry: entry.name)
    except OSError:
        return []
    for entry in entries:
        if not entry.name.startswith(name) or (entry.name.startswith(".") and not name.startswith(".")):
            continue
        if "\n" not in entry.name:
            found.append(CompletionItem(os.path.join(folder, entry.name) + ("/" if entry.is_dir() else ":"), type=PART))
    return found[:MOST_OFFERED]


def repositories(ctx: click.Context, parameter: click.Parameter, begun: str) -> Items:
    """The names of the project's repositories; folders where it begins like one."""
    if begun.startswith(PATH_BEGINNINGS):
        return folders(ctx, parameter, begun)
    return [CompletionItem(name, help=root) for name, root in _asked(ctx, REPOSITORIES) if name.startswith(begun)]


def views(ctx: click.Context, _parameter: click.Parameter, begun: str) -> Items:
    """The names of the project's views."""
    return [CompletionItem(name, help=place) for name, place in _asked(ctx, VIEWS) if name.startswith(begun)]


def projects(ctx: click.Context, _parameter: click.Parameter, begun: str) -> Items:
    """The projects that hold something."""
    return _beginning_with(begun, [project for (project,) in _asked(ctx, PROJECTS)])


def jobs(ctx: click.Context, _parameter: click.Parameter, begun: str) -> Items:
    """`last`, and the newest jobs of the project."""
    return [*_beginning_with(begun, ["last"]), *_jobs(ctx, begun, JOBS + NEWEST)]


def live_jobs(ctx: click.Context, _parameter: click.Parameter, begun: str) -> Items:
    """The jobs that can be cancelled."""
    return _jobs(ctx, begun, JOBS + LIVE + NEWEST)


def ended_jobs(ctx: click.Context, _parameter: click.Parameter, begun: str) -> Items:
    """The jobs that can be run again."""
    return _jobs(ctx, begun, JOBS + RETRIED + NEWEST)


def _jobs(ctx: click.Context, begun: str, query: LiteralString) -> Items:
    from pgdex.jobs.cli.render.text import short_ids

    found = _asked(ctx, query, most=MOST_JOBS)
    names = short_ids([job_id for job_id, *_ in found])
    return [
        CompletionItem(
            str(job_id) if len(begun) > len(name) else name, help=f"{repository}, {status} {percentage:.0f} %"
        )
        for name, (job_id, repository, status, percentage) in zip(names, found, strict=True)
        if str(job_id).startswith(begun)
    ]


def _asked(ctx: click.Context, query: LiteralString, **values: Any) -> list[tuple[Any, ...]]:
    from pgdex.jobs.cli.completing.lookup import rows

    return rows(query, {"most": MOST_OFFERED, **values}, project=ctx.params.get("project"))


def _beginning_with(begun: str, names: Iterable[str]) -> Items:
    return [CompletionItem(name) for name in names if name.startswith(begun)]
