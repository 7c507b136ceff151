"""The two consoles: answers go to stdout, notes and progress to stderr.

Colour only on a terminal, or where FORCE_COLOR asks for it; never with NO_COLOR.
"""

import os
import sys
from functools import cache
from typing import TYPE_CHECKING, Literal, NoReturn

import click

from pgdex.jobs.cli.render.wrapping import width_of, wrapped
from pgdex.jobs.client.printable import printable, safe_json

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

Colours = Literal["standard", "256", "truecolor"]

# A pipe has no width: nothing is cut or wrapped that another program reads.
PIPE_WIDTH = 10_000
LEVELS: dict[str, Colours] = {"1": "standard", "2": "256", "3": "truecolor"}


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
    from rich.console import Group

    console = output()
    together = Group(*answers)  # one by one, rich would join lines of text and forget which of them may be wrapped
    if console.is_terminal:
        console.print(together)
        return
    with console.capture() as captured:
        console.print(together)
    text = "\n".join(line.rstrip() for line in captured.get().split("\n"))
    click.echo(text, nl=False, color=console.color_system is not None)


def show_long(*answers: "RenderableType", remarks: list[str], uses_pager: bool) -> None:
    """As `show`, and then a note for each of `remarks`.

    Where all of it does not fit on the terminal, it is shown in the user's pager, the remarks first: below they would
    not be seen, and after the pager they would move the first answer out of sight.
    """
    console = output()
    if answers and uses_pager and console.is_terminal:
        from rich.console import Group

        from pgdex.jobs.cli.render.pager import page, pager_command
        from pgdex.jobs.settings import settings

        with console.capture() as captured:
            console.print(Group(*answers))
        text = captured.get()
        if remarks:
            text = wrapped(printable("\n".join(remarks), lines=True), console.width) + f"\n\n{text}"
        is_long = text.count("\n") >= console.height  # the prompt takes the last line
        command = pager_command(settings().pager) if is_long else []
        if command and page(text, command):
            return
    if answers:
        show(*answers)
    for remark in remarks:
        note(remark)


def say(message: str) -> None:
    """A line on stdout: an answer in words. Names of files in it can't do anything to the terminal."""
    click.echo(wrapped(printable(message, lines=True), width_of(sys.stdout)))


def note(message: str = "") -> None:
    """A line on stderr, beside the answer. Names of files in it can't do anything to the terminal."""
    click.echo(wrapped(printable(message, lines=True), width_of(sys.stderr)), err=True)


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


def forced_colours() -> Colours | None:
    """The colours that FORCE_COLOR asks for where there is no terminal; None where it does not.

    1, 2 and 3 mean 16, 256 and all colours, as Node's programs have it, and 0 none; any other text leaves it to TERM.
    """
    given = os.environ.get("FORCE_COLOR", "")
    if given.lower() in ("", "0", "false") or os.environ.get("NO_COLOR"):
        return None
    if given in LEVELS:
        return LEVELS[given]
    if os.environ.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return "truecolor"
    return "256" if os.environ.get("TERM", "").endswith("256color") else "standard"


def _console(*, stderr: bool) -> "Console":
    from rich.console import Console as RichConsole  # 0.04 s

    class PipeConsole(RichConsole):
        def on_broken_pipe(self) -> NoReturn:
            self.quiet = True
            raise BrokenPipeError  # entry.py ends the program quietly

    stream = sys.stderr if stderr else sys.stdout
    is_terminal = stream.isatty()
    piped = not is_terminal and not os.environ.get("COLUMNS")
    return PipeConsole(
        stderr=stderr,
        markup=False,
        emoji=False,
        highlight=False,
        # Never by FORCE_COLOR: it asks for colours, and not for bars in a pipe.
        force_terminal=is_terminal,
        color_system=forced_colours() or ("auto" if is_terminal else None),
        width=PIPE_WIDTH if piped else None,
    )
