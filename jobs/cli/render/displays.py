"""The two ways to watch a job: a bar on a terminal, lines in a log."""

import os
import time
from contextlib import suppress
from types import TracebackType
from typing import Protocol, Self

from pgdex.jobs.cli.render.bar import bar_lines
from pgdex.jobs.cli.render.console import note, notes
from pgdex.jobs.cli.render.progress import Forward, PlainLines, Shown
from pgdex.jobs.cli.render.text import printable
from pgdex.jobs.cli.terminal import HIDE_CURSOR, SHOW_CURSOR, HeldTerminal
from pgdex.jobs.client.models import JobStatus

# To the end of the line; of the screen. Where the second would take all of the screen, tmux keeps what is erased in its
# history: so it is never sent from the first line of what is drawn.
ERASE_LINE, ERASE_REST = "\x1b[K", "\x1b[J"
UP, DOWN = "\x1b[A", "\x1b[B"


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
    """A bar, and below it the line that every front end shows; both go when the job has ended.

    After each drawing the cursor stands where the first line begins. So everything from there to the end of the screen
    is erased before the next one, however a narrower window has wrapped or cut what was drawn.
    """

    def __init__(self) -> None:
        self._console = notes()
        self._forward = Forward()
        self._title = ""
        self._shown: Shown | None = None
        self._turn = 0
        self._is_drawn = False
        self._terminal = HeldTerminal(self._console.file.fileno(), leave=self._leave)

    def __enter__(self) -> Self:
        self._terminal.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._terminal.__exit__(kind, error, trace)

    def show(self, job: JobStatus) -> None:
        """Move the bar."""
        self._title, self._shown = printable(job.title), self._forward.show(job)
        self._turn += 1
        self._draw()

    def tell(self, message: str) -> None:
        """A line above the bar."""
        if self._terminal.may_draw():
            self._erase()
        note(message)
        self._draw()

    def _draw(self) -> None:
        if self._shown is None or not self._terminal.may_draw():
            return
        # Not into the last column: whether the cursor is still in that line then, terminals don't agree on.
        width = max(1, self._console.width - 1)
        lines = bar_lines(self._shown, title=self._title, turn=self._turn, console=self._console, width=width)
        with self._console.capture() as captured:
            self._console.print(*lines, sep="\n")
        drawn = captured.get().rstrip("\n").split("\n")
        text = f"{ERASE_LINE}\r\n".join(drawn)
        self._is_drawn = True  # before it is: a signal may come in between, and has to erase it
        self._write(f"{HIDE_CURSOR}\r{text}{ERASE_REST}\r{UP * (len(drawn) - 1)}")

    def _leave(self) -> None:
        """Erase it, for whoever has the terminal next."""
        self._erase()
        self._write(SHOW_CURSOR)

    def _erase(self) -> None:
        if self._is_drawn:
            self._write(f"\r{ERASE_LINE}{DOWN}{ERASE_REST}{UP}")
        self._is_drawn = False

    def _write(self, text: str) -> None:
        file = self._console.file
        with suppress(OSError):  # the terminal is gone; the job is not
            file.flush()
            # Not through the file: a signal may come while it is written to, and a buffer refuses to be entered twice.
            os.write(file.fileno(), text.encode(self._console.encoding, "replace"))


def display() -> Display:
    """The one that suits stderr."""
    console = notes()
    if console.is_terminal and not console.is_dumb_terminal:
        return BarDisplay()
    return LogDisplay()
