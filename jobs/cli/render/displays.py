"""The two ways to watch a job: a bar on a terminal, lines in a log."""

import time
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from pgdex.jobs.cli.render.console import note, notes
from pgdex.jobs.cli.render.progress import Forward, PlainLines
from pgdex.jobs.cli.render.text import duration, printable
from pgdex.jobs.client.models import JobStatus

if TYPE_CHECKING:
    from rich.console import RenderableType


class Display(Protocol):
    """Shows a job as it goes on, within a `with` block."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, job: JobStatus) -> None:
        """The job's present state."""

    def tell(self, message: str) -> None:
        """A remark that stays to be seen."""


class LogDisplay:
    """Plain lines without control characters."""

    def __init__(self) -> None:
        self._lines = PlainLines()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to take back."""

    def show(self, job: JobStatus) -> None:
        """A line where one is due."""
        line = self._lines.line(job, now=time.monotonic())
        if line is not None:
            note(line)

    def tell(self, message: str) -> None:
        """A line of its own."""
        note(message)


class BarDisplay:
    """A bar, and below it the line that every front end shows; both go when the job has ended."""

    def __init__(self) -> None:
        from rich.console import Group
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
        from rich.text import Text

        self._message = Text("", no_wrap=True, overflow="ellipsis", style="dim")
        self._forward = Forward()
        message = self._message

        class BarWithMessage(Progress):
            def get_renderables(self) -> "Iterable[RenderableType]":
                yield Group(self.make_tasks_table(self.tasks), message)

        self._bar = BarWithMessage(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TextColumn("{task.percentage:>5.1f} %", markup=False),
            TextColumn("{task.fields[elapsed]}", markup=False, style="dim"),
            console=notes(),
            transient=True,
            expand=True,
        )
        self._task = self._bar.add_task("", total=100.0, elapsed="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def show(self, job: JobStatus) -> None:
        """Move the bar."""
        shown = self._forward.show(job)
        self._message.plain = f"  {shown.message}"
        self._bar.update(
            self._task,
            description=printable(job.title),
            completed=shown.percentage,
            elapsed=duration(shown.elapsed_seconds),
        )

    def tell(self, message: str) -> None:
        """A line above the bar."""
        self._bar.console.print(printable(message, lines=True))


def display() -> Display:
    """The one that suits stderr."""
    console = notes()
    if console.is_terminal and not console.is_dumb_terminal:
        return BarDisplay()
    return LogDisplay()
