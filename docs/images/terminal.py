# /// script
# requires-python = ">=3.11"
# dependencies = ["pyte>=0.8", "rich>=14"]
# ///
"""Draws terminal.svg: what a terminal shows of a real `pgdex index` and `pgdex search`.

uv run docs/images/terminal.py FOLDER [QUERY]     # pgdex on the PATH, FOLDER not indexed yet (or changed since)

`uv` brings the two libraries along; any environment that has them will do. The output of a command goes through a
terminal emulator, so the picture has what a person sees: the progress as it stands half-way, then the end.
"""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pyte
from rich.console import Console
from rich.style import Style
from rich.text import Text

COLUMNS = 104
ROWS = 60
HALF_WAY = re.compile(r"\b(?:[4-9]\d)\.\d %")
NAMES = {"default": None, "brown": "yellow"}
# The web font that rich would load from elsewhere: a reader's own will do.
FONT_FACE = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def main() -> int:
    """Run the commands and write terminal.svg beside this file."""
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    folder = Path(sys.argv[1]).resolve()
    query = sys.argv[2] if len(sys.argv) == 3 else "where is the default timeout set"
    with open(os.devnull, "w") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True, color_system="truecolor")
        index = list(screens(["pgdex", "index", folder.name], folder.parent))
        half_way = next((screen for screen in index if HALF_WAY.search("\n".join(screen.display))), index[-1])
        search = list(screens(["pgdex", "search", query, "--limit", "2"], folder.parent))
        for command, shown in (
            (f"pgdex index {folder.name}", half_way),
            ("", index[-1]),
            (f'pgdex search "{query}" --limit 2', search[-1]),
        ):
            if command:
                console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
            for line in lines(shown):
                console.print(line)
            console.print()
        svg = console.export_svg(title="pgdex")
    Path(__file__).with_name("terminal.svg").write_text(FONT_FACE.sub("", svg), "utf-8")
    return 0


def screens(command: list[str], folder: Path) -> Iterator[pyte.Screen]:
    """Run a command in a terminal; yields copies of the screen as it changes, the last one when it has ended."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": str(COLUMNS)}
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, env=environment)
    os.close(theirs)
    everything = b""
    while data := _read(ours):
        everything += data
        yield _screen(everything)
    process.wait()
    yield _screen(everything)


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65_536)
    except OSError:  # Linux's word for a terminal that nobody writes to any more
        return b""


def _screen(output: bytes) -> pyte.Screen:
    screen = pyte.Screen(COLUMNS, ROWS)
    screen.set_mode(pyte.modes.LNM)
    pyte.ByteStream(screen).feed(output)
    return screen


def lines(screen: pyte.Screen) -> list[Text]:
    """The lines of a screen, without the empty ones at its end."""
    shown = []
    for row in range(screen.lines):
        cells = [screen.buffer[row][column] for column in range(screen.columns)]
        line = Text(no_wrap=True, overflow="crop")
        for style, run in groupby(cells, key=_style):
            line.append("".join(cell.data for cell in run), style)
        line.rstrip()
        shown.append(line)
    while shown and not shown[-1].plain:
        shown.pop()
    return shown


def _style(cell: pyte.screens.Char) -> Style:
    return Style(
        color=_colour(cell.fg),
        bgcolor=_colour(cell.bg),
        bold=cell.bold,
        italic=cell.italics,
        underline=cell.underscore,
        reverse=cell.reverse,
    )


def _colour(name: str) -> str | None:
    if name in NAMES:
        return NAMES[name]
    if re.fullmatch(r"[0-9a-f]{6}", name):
        return f"#{name}"
    return re.sub(r"^bright", "bright_", name)


if __name__ == "__main__":
    sys.exit(main())
