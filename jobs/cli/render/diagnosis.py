"""Checks of the doctor, a line each."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pgdex.jobs.cli.render.text import count, printable

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from pgdex.jobs.cli.diagnosis.checks import Check

HELP = "https://github.com/pgdex/pgdex/blob/main/docs/troubleshooting.md"
MARKS = {"ok": ("✓", "green"), "warning": ("!", "bold yellow"), "failed": ("✗", "bold red")}
WIDEST_NAME = len("schedules")


def check_line(check: "Check") -> "Table":
    """The mark, the name, the finding, and below it the advice."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, min_width=WIDEST_NAME)
    table.add_column(overflow="fold")
    finding = Text(printable(check.finding))
    if check.advice:
        finding.append(f"\n→ {printable(check.advice)}", "bold")
    table.add_row(Text(*MARKS[check.outcome]), Text(check.name, "dim"), finding)
    return table


def verdict(checks: "Sequence[Check]") -> "Text":
    """The last line."""
    from rich.text import Text

    failures = sum(check.outcome == "failed" for check in checks)
    warnings = sum(check.outcome == "warning" for check in checks)
    if failures:
        return Text(f"\n{failures} of {len(checks)} checks failed.", "bold red").append(
            f"\nMore help: {HELP}", "not bold"
        )
    if warnings:
        return Text(f"\nEverything works, with {count(warnings, 'warning')}.")
    return Text("\nEverything is in order.", "green")
