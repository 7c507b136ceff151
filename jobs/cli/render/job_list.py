"""Jobs as a table that fits into the window."""

from datetime import datetime
from typing import TYPE_CHECKING

from pgdex.jobs.cli.render.job import STYLES
from pgdex.jobs.cli.render.text import age, duration, printable, short_ids
from pgdex.jobs.cli.render.wrapping import USUAL_WIDTH, cells
from pgdex.jobs.client.models import JobPage, JobStatus

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

GAP = 2
WIDEST_PROJECT = 12
KEPT = {"PROJECT": 7, "REPOSITORY": 10}
"""Columns that are left of a name in a usual window: those of its heading."""
KEPT_IN_NARROW = 16
"""Those of a repository's name in a narrow one, where less is said of it."""
DROPPED = ("TOOK", "FILES", "CREATED", "PROJECT", "DONE")
"""What can be missed, in this order: `pgdex status` has it all."""


def job_list_table(page: JobPage, *, now: datetime, full_ids: bool, width: int) -> "Table":
    """One line for each job; `full_ids` for other programs, the shortest telling ones for people. In a window of fewer
    columns than it takes, the columns of DROPPED go before a repository's name is cut."""
    from rich.table import Table
    from rich.text import Text

    ids = [str(job.job_id) for job in page.jobs] if full_ids else short_ids([job.job_id for job in page.jobs])
    columns: dict[str, list[str | Text]] = {
        "JOB": [*ids],
        "STATUS": [Text(job.status, STYLES[job.status]) for job in page.jobs],
        "DONE": [f"{int(job.progress_percentage)} %" for job in page.jobs],
        "PROJECT": [_cut(printable(job.project_id)) for job in page.jobs],
        "REPOSITORY": [_cut(printable(job.title)) for job in page.jobs],
        "FILES": [f"{job.files_scanned:,}" for job in page.jobs],
        "CREATED": [age(job.created_at, now=now) for job in page.jobs],
        "TOOK": [_took(job) for job in page.jobs],
    }
    if len({job.project_id for job in page.jobs}) == 1:
        del columns["PROJECT"]
    kept = KEPT if width >= USUAL_WIDTH else KEPT | {"REPOSITORY": KEPT_IN_NARROW}
    for heading in DROPPED:
        if _least_width(columns, kept) <= width:
            break
        columns.pop(heading, None)
    # What the others leave: the repository's name is the last to be cut.
    of_project = min(WIDEST_PROJECT, KEPT["PROJECT"] + max(0, width - _least_width(columns, kept)))
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    for heading in columns:
        # Columns that may wrap are the ones that are narrowed; their cells don't wrap, so they are cut.
        table.add_column(
            heading,
            no_wrap=heading not in KEPT,
            justify="right" if heading in ("DONE", "FILES") else "left",
            max_width=of_project if heading == "PROJECT" else None,
        )
    for row in zip(*columns.values(), strict=True):
        table.add_row(*row)
    return table


def _least_width(columns: "dict[str, list[str | Text]]", kept: dict[str, int]) -> int:
    """The columns of a terminal that the table takes if names are cut as far as they may be."""
    widths = []
    for heading, cells_of in columns.items():
        widest = max(len(heading), *(cells(str(cell)) for cell in cells_of))
        widths.append(min(widest, kept.get(heading, widest)))
    return sum(widths) + GAP * (len(widths) - 1)


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
