"""A job as two lines of a terminal: its bar, and what it does."""

from typing import TYPE_CHECKING

from pgdex.jobs.cli.render.progress import Shown
from pgdex.jobs.cli.render.text import duration

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
SHORTEST_BAR = 5  # columns; where there is less room, the percentage has to do
SHARE_OF_TITLE = 3  # a third of the line at most
GAPS = 3


def bar_lines(shown: Shown, *, title: str, turn: int, console: "Console", width: int) -> "list[RenderableType]":
    """The two lines, each of at most `width` columns; `turn` counts how often it was drawn."""
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    mark = "*" if console.options.ascii_only else SPINNER[turn % len(SPINNER)]
    name = Text(title)
    name.truncate(max(8, width // SHARE_OF_TITLE), overflow="ellipsis")
    figures = f"{shown.percentage:5.1f} %"
    elapsed = duration(shown.elapsed_seconds)
    left = width - name.cell_len - len(mark) - len(figures) - len(elapsed) - GAPS - 1
    cells: list[RenderableType] = [Text(mark, "green"), name]
    if left >= SHORTEST_BAR:
        cells.append(ProgressBar(total=100.0, completed=shown.percentage, width=left))
    cells += [Text(figures), Text(elapsed, "dim")]
    table = Table.grid(padding=(0, 1, 0, 0))
    for _ in cells:
        table.add_column(no_wrap=True)
    table.add_row(*cells)
    message = Text(f"  {shown.message}", style="dim")
    message.truncate(width, overflow="ellipsis")
    return [table, message]
