"""Workers as a table."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from pgdex.jobs.cli.render.text import age, printable
from pgdex.jobs.client.models import WorkerStatus

if TYPE_CHECKING:
    from rich.table import Table


def workers_table(workers: Sequence[WorkerStatus], *, now: datetime) -> "Table":
    """One line for each: where it runs, whether it lives, and how many batches it has in flight."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("WORKER", justify="right", no_wrap=True)
    table.add_column("ALIVE", no_wrap=True)
    table.add_column("HOST", overflow="fold")
    table.add_column("PID", justify="right", no_wrap=True)
    table.add_column("BATCHES", justify="right", no_wrap=True)
    table.add_column("STARTED", no_wrap=True)
    for worker in workers:
        table.add_row(
            str(worker.id),
            Text("yes", "green") if worker.alive else Text("no", "red"),
            printable(worker.hostname or "starting"),
            str(worker.pid or ""),
            str(worker.batches),
            age(worker.started_at, now=now) if worker.started_at else "",
        )
    return table
