"""Repositories and their views for people; what a removal takes away."""

import shlex
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from pgdex.jobs.cli.render.job import STYLES
from pgdex.jobs.cli.render.text import age, count, printable, size
from pgdex.jobs.cli.render.wrapping import cells
from pgdex.jobs.client.models import IndexedRepository, IndexedView, RemovalEffect, RepositoryPage, ViewSummary

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

MOST_ROOTS = 20
GAP = 2
FILES = 2  # the column of how many there are


def repository_lines(page: RepositoryPage, *, now: datetime, width: int) -> "Iterator[RenderableType]":
    """Of each repository a line of figures, and below it a line for each view, or two where `width` columns have no
    room for its path and its figures side by side."""
    from rich.text import Text

    for number, repository in enumerate(page.repositories):
        if number:
            yield Text()
        yield Text.assemble((printable(repository.name), "bold"), (f"  {figures(repository)}", "dim"))
        yield from _views(repository, now=now, width=width)
        hidden = repository.views_total - len(repository.views)
        if hidden > 0:
            name = shlex.quote(repository.name)
            yield Text(f"  … and {count(hidden, 'more view')}: pgdex repos --repo {printable(name)}", "dim")


def figures(repository: IndexedRepository) -> str:
    """What a repository holds: "1,204 chunks · 12 MB on disk · 96 % shared by 3 views"."""
    about = "~" if repository.bytes_on_disk_is_estimate else ""
    parts = [count(repository.chunks, "chunk"), f"{about}{size(repository.bytes_on_disk)} on disk"]
    if repository.versions_shared:
        share = 100 * repository.shared_source_bytes / max(1, repository.source_bytes)
        parts.append(
            f"shared by views: {count(repository.versions_shared, 'file')}, "
            f"{size(repository.shared_source_bytes)} of source code ({share:.0f} %)"
        )
    if repository.versions_unused:
        parts.append(f"unused: {count(repository.versions_unused, 'version')}, {size(repository.unused_source_bytes)}")
    return " · ".join(parts)


def page_notes(page: RepositoryPage, *, offset: int) -> list[str]:
    """Where the page is within all repositories, and what to do about folders that are gone."""
    remarks = []
    views = [view for repository in page.repositories for view in repository.views]
    last = offset + len(page.repositories)
    if page.has_more or offset:
        where = (
            f"Repositories {offset + 1:,} to {last:,} of {page.total_count:,}."
            if page.repositories
            else "No repositories on this page."
        )
        remarks.append(f"{where} Next: --offset {last}" if page.has_more else where)
    failing = sum(view.schedule_failures > 0 for view in views)
    if failing:
        remarks.append(f"{count(failing, 'schedule fails', 'schedules fail')}. Why: pgdex schedule")
    gone = sum(view.missing for view in views)
    if gone:
        those = "The folder of 1 view is" if gone == 1 else f"The folders of {gone:,} views are"
        remarks.append(f"{those} gone. To remove what is gone from the index: pgdex remove --missing")
    return remarks


def removal_explained(
    views: Sequence[IndexedView], effects: Sequence[RemovalEffect], *, question: str, folders_exist: bool
) -> str:
    """What a removal loses, frees and keeps, as the text in front of the question."""
    lines = [question]
    if len(views) > 1:
        lines += [f"  {printable(view.root)}" for view in views[:MOST_ROOTS]]
        if len(views) > MOST_ROOTS:
            lines.append(f"  … and {len(views) - MOST_ROOTS:,} more")
    files, jobs = sum(one.files for one in effects), sum(one.jobs for one in effects)
    chunks, shared = sum(one.chunks for one in effects), sum(one.versions_kept for one in effects)
    kept = ["the folder itself" if len(views) == 1 else "the folders themselves"] if folders_exist else []
    if shared:
        kept.append(f"{count(shared, 'file')} that other views hold too")
    lines.append(
        f"  lost: the index of {count(files, 'file')} ({count(chunks, 'chunk')}), the history of {count(jobs, 'job')}"
    )
    lines.append(f"  space: {freed(effects)}")
    if kept:
        lines.append(f"  kept: {' and '.join(kept)}")
    return "\n".join(lines)


def freed(effects: Sequence[RemovalEffect]) -> str:
    """How many bytes come back: to the disk where a table is dropped, else to what is indexed next."""
    dropped = sum(one.bytes_freed for one in effects if not one.is_estimate)
    reused = sum(one.bytes_freed for one in effects if one.is_estimate)
    parts = [f"{size(dropped)}, given back to the disk"] if dropped else []
    if reused:
        parts.append(f"about {size(reused)} in the database, reused by later jobs")
    return "; ".join(parts) or "next to nothing"


def _views(repository: IndexedRepository, *, now: datetime, width: int) -> "Iterator[RenderableType]":
    from rich.table import Table
    from rich.text import Text

    rows = [
        (
            f"  {'*' if view.is_default and repository.views_total > 1 else ' '}",
            _place(view, repository),
            count(view.files, "file"),
            age(view.last_indexed_at, now=now) if view.last_indexed_at is not None else "never indexed",
            _state(view),
        )
        for view in repository.views
    ]
    widest = [max((cells(str(row[column])) for row in rows), default=0) for column in range(5)]
    if sum(widest) + GAP * len(widest) > width:
        for mark, place, files, when, state in rows:
            yield Text(f"{mark} {place}", overflow="fold")
            yield Text.assemble(f"      {files} · {when} · ", state)
        return
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), show_header=False)
    for column in range(5):
        table.add_column(no_wrap=True, justify="right" if column == FILES else "left")
    for row in rows:
        table.add_row(*row)
    yield table


def _place(view: ViewSummary, repository: IndexedRepository) -> str:
    about = []
    if view.name != repository.name:
        about.append(printable(view.name))
    if view.branch and view.branch != view.name:
        about.append(printable(view.branch))
    if view.submodule_of:
        about.append("submodule")
    return f"{printable(view.root)} ({', '.join(about)})" if about else printable(view.root)


def _state(view: ViewSummary) -> "Text":
    from rich.text import Text

    if view.missing:
        return Text("folder is gone", "bold yellow")
    status = view.live_job_status or view.last_job_status
    text = Text(status, STYLES[status]) if status is not None else Text("-", "dim")
    if view.schedule is not None:
        text.append(f" · {printable(view.schedule)}", "dim")
    if view.schedule_failures:
        text.append(f" · {count(view.schedule_failures, 'failure')} in a row", "yellow")
    return text
