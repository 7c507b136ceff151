"""Skipped files: how many for which reason, and each of them."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pgdex.indexer.sources.skips import SkipReason
from pgdex.jobs.cli.render.text import printable, size
from pgdex.jobs.client.models import SkippedFile

if TYPE_CHECKING:
    from rich.table import Table

EXPLANATIONS = {reason.value: reason.explanation for reason in SkipReason}


def by_reason(files: Sequence[SkippedFile]) -> dict[str, int]:
    """How many files were skipped for each reason, the most frequent first."""
    counted = Counter(file.skip_reason for file in files)
    return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))


def reasons_table(reasons: dict[str, int]) -> "Table":
    """The summary: a count, a reason, and what it means."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", no_wrap=True, style="bold")
    table.add_column(no_wrap=True, style="yellow")
    table.add_column(style="dim")
    for reason, number in reasons.items():
        table.add_row(f"{number:,}", reason, EXPLANATIONS.get(reason, ""))
    return table


def files_table(files: Sequence[SkippedFile]) -> "Table":
    """A line for each file: the reason, the path, and what more is known."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="yellow")
    table.add_column(overflow="fold")
    for file in files:
        known = file.skip_detail or (size(file.size) if file.size else "")
        table.add_row(file.skip_reason, Text.assemble(printable(file.path), (f"  {printable(known)}", "dim")))
    return table
