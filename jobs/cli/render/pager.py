"""A pager for an answer that does not fit on the terminal, as git uses one.

The best hit comes first, and a terminal that scrolls shows the last. `less` begins at the top, and with -FRX it leaves
what it showed on the screen.
"""

import os
import shlex
import subprocess
import sys
from contextlib import suppress
from shutil import which

import click

USUAL = "less"
# As git sets them where the user has not: quit if it fits, show colours, leave the screen as it is.
VARIABLES = {"LESS": "FRX", "LV": "-c"}
NO_SUCH_COMMAND = (126, 127)

pager_option = click.option(
    "--pager/--no-pager",
    "uses_pager",
    default=True,
    help="Whether an answer that doesn't fit on the terminal is shown in a pager (PGDEX_PAGER, else PAGER, else less).",
)


def pager_command(own: str | None) -> list[str]:
    """The program that the user wants: `own` (PGDEX_PAGER), else PAGER, else `less`; empty where there is none."""
    given = own if own is not None else os.environ.get("PAGER", USUAL)
    try:
        command = shlex.split(given)
    except ValueError:  # a quote that is not closed
        return []
    if not command or command == ["cat"] or os.environ.get("TERM", "dumb") == "dumb" or which(command[0]) is None:
        return []
    return command


def page(text: str, command: list[str]) -> bool:
    """Show `text` in the pager until the user leaves it; whether the pager could be started."""
    environment = {**VARIABLES, **os.environ}
    sys.stdout.flush()
    try:
        pager = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment)
    except OSError:
        return False
    assert pager.stdin is not None
    with suppress(BrokenPipeError), pager.stdin as pipe:  # left before the end
        pipe.write(text.encode(errors="backslashreplace"))
    while True:
        # Ctrl-C is the pager's: `less` stops a search with it, and goes on.
        with suppress(KeyboardInterrupt):
            return pager.wait() not in NO_SUCH_COMMAND
