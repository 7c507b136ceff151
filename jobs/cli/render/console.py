"""The two consoles: answers go to stdout, notes and progress to stderr. Colour only on a terminal."""

import os
import sys
from functools import cache
from typing import TYPE_CHECKING, NoReturn

import click

from pgdex.jobs.client.printable import printable, safe_json

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

# A pipe has no width: nothing is cut or wrapped that another program reads.
PIPE_WIDTH = 10_000


@cache
def output() -> "Console":
    """For answers: stdout."""
    return _console(stderr=False)


@cache
def notes() -> "Console":
    """For progress: stderr."""
    return _console(stderr=True)


def show(*answers: "RenderableType") -> None:
    """Print on stdout; in a pipe without the blanks that fill up the cells of a table."""
    console = output()
    if console.is_terminal:
        console.print(*answers, sep="\n")
        return
    with console.capture() as captured:
        console.print(*answers, sep="\n")
    click.echo("\n".join(line.rstrip() for line in captured.get().split("\n")), nl=False)


def note(message: str = "") -> None:
    """A line on stderr, beside the answer. Names of files in it can't do anything to the terminal."""
    click.echo(printable(message, lines=True), err=True)


def is_confirmed(explanation: str, *, question: str, declined: str) -> bool:
    """Explain what will be lost, and ask; `declined` is said where the answer is no. Raises UsageError where there is
    no terminal to ask on."""
    note(explanation)
    if not sys.stdin.isatty():
        raise click.UsageError("There is no terminal to ask for confirmation: add --yes.")
    if click.confirm(question, default=False, err=True):
        return True
    note(declined)
    return False


def print_json(document: str) -> None:
    """One JSON document on stdout, always in UTF-8."""
    click.echo(safe_json(document).encode() + b"\n", nl=False)


def _console(*, stderr: bool) -> "Console":
    from rich.console import Console as RichConsole  # 0.04 s

    class PipeConsole(RichConsole):
        def on_broken_pipe(self) -> NoReturn:
            self.quiet = True
            raise BrokenPipeError  # entry.py ends the program quietly

    stream = sys.stderr if stderr else sys.stdout
    piped = not stream.isatty() and not os.environ.get("COLUMNS")
    return PipeConsole(
        stderr=stderr,
        markup=False,
        emoji=False,
        highlight=False,
        force_terminal=stream.isatty(),
        width=PIPE_WIDTH if piped else None,
    )
