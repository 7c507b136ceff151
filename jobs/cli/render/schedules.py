"""Schedules for people: what, when, and how it went."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pgdex.jobs.cli.render.job import STYLES
from pgdex.jobs.cli.render.text import age, count, duration, printable
from pgdex.jobs.client.schedules import Schedule

if TYPE_CHECKING:
    from rich.table import Table


def schedules_table(found: Sequence[Schedule], *, now: datetime) -> "Table":
    """A line for each, and below it the error of one that fails."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("REPOSITORY", "CRON (UTC)", "NEXT", "LAST"):
        table.add_column(name, no_wrap=name != "REPOSITORY", overflow="fold")
    table.add_column("STATUS", overflow="fold")
    for one in found:
        table.add_row(
            printable(one.repo_path),
            printable(one.expression),
            "-" if one.next_at is None else until(one.next_at, now=now),
            "never" if one.last_at is None else age(one.last_at, now=now),
            Text.assemble(
                *([(one.last_job_status, STYLES[one.last_job_status])] if one.last_job_status else ["-"]),
                *([(f" · {failing(one.failures, one.error)}", "yellow")] if one.failures or one.error else []),
            ),
        )
    return table


def failing(failures: int, error: str | None) -> str:
    """ "3 failures in a row: there is no branch main"."""
    reason = printable(error or "no reason given")
    return f"{count(failures, 'failure')} in a row: {reason}" if failures else reason


def until(timestamp: datetime, *, now: datetime) -> str:
    """How long it is until then: "in 4 min 10 s", "now"."""
    seconds = (timestamp - now) / timedelta(seconds=1)
    return f"in {duration(seconds)}" if seconds >= 1 else "now"
