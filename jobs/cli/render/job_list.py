"""Jobs as a table that fits into 80 columns."""

from datetime import datetime
from typing import TYPE_CHECKING

from pgdex.jobs.cli.render.job import STYLES
from pgdex.jobs.cli.render.text import age, duration, printable, short_ids
from pgdex.jobs.client.models import JobPage, JobStatus

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text


def job_list_table(page: JobPage, *, now: datetime, full_ids: bool) -> "Table":
    """One line for each job; `full_ids` for other programs, the shortest telling ones for people."""
    from rich.table import Table
    from rich.text import Text

    several_projects = len({job.project_id for job in page.jobs}) > 1
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading in ("JOB", "STATUS", "DONE"):
        table.add_column(heading, no_wrap=True, justify="right" if heading == "DONE" else "left")
    # Columns that may wrap are the ones that are narrowed; their cells don't wrap, so they are cut.
    if several_projects:
        table.add_column("PROJECT", max_width=12)
    table.add_column("REPOSITORY")
    table.add_column("FILES", justify="right", no_wrap=True)
    table.add_column("CREATED", no_wrap=True)
    table.add_column("TOOK", no_wrap=True)
    ids = [str(job.job_id) for job in page.jobs] if full_ids else short_ids([job.job_id for job in page.jobs])
    for job, shown in zip(page.jobs, ids, strict=True):
        cells: list[str | Text] = [shown, Text(job.status, STYLES[job.status])]
        cells.append(f"{int(job.progress_percentage)} %")
        if several_projects:
            cells.append(_cut(printable(job.project_id)))
        cells += [_cut(printable(job.title)), f"{job.files_scanned:,}", age(job.created_at, now=now), _took(job)]
        table.add_row(*cells)
    return table


def page_note(page: JobPage, *, offset: int) -> str | None:
    """Where the page is within all jobs; nothing where it is all of them."""
    if not page.has_more and offset == 0:
        return None
    last = offset + len(page.jobs)
    where = f"Jobs {offset + 1} to {last} of {_total(page)}." if page.jobs else "No jobs on this page."
    return f"{where} Next: --offset {last}" if page.has_more else where


def _total(page: JobPage) -> str:
    return f"{page.total_count:,}" if page.total_count_is_exact else f"at least {page.total_count:,}"


def _cut(name: str) -> "Text":
    from rich.text import Text

    return Text(name, no_wrap=True, overflow="ellipsis")


def _took(job: JobStatus) -> str:
    return duration(job.elapsed_seconds) if job.started_at is not None else "-"
