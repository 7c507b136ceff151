"""Draws terminal.svg: what a terminal shows of a real `pgdex index` and `pgdex search`.

make picture                        # or: python docs/images/terminal.py FOLDER, to draw it there

pgdex runs with its embedded PostgreSQL in a folder of its own below /tmp, on Python's standard library. The output of
its commands goes through a terminal emulator, so the picture has what a person sees: the progress as it stands halfway,
and then the end.
"""

import re
import sys
from itertools import groupby
from pathlib import Path

import pyte
from emulated import Session, colour, scene
from rich.console import Console
from rich.style import Style
from rich.text import Text

COLUMNS = 104
ROWS = 60
HALFWAY = re.compile(r"\b[4-9]\d\.\d %")
QUERY = "where are the workers of a process pool started"
# The web font that rich would load from elsewhere: a reader's own will do.
FONT_FACE = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
RICHS_FONT = "Fira Code, monospace"
FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


def main() -> int:
    """Run the commands and write terminal.svg."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    with scene() as (folder, environment), open("/dev/null", "w") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True, color_system="truecolor")
        session = Session(folder, environment, columns=COLUMNS, rows=ROWS)
        try:
            session.type("pgdex index stdlib")
            session.wait_until(lambda shown: any(HALFWAY.search(line) for line in shown))
            for line in lines(session.screen):
                console.print(line)
            console.print()
            session.wait_for_prompt()
            for line in lines(session.screen)[1:-1]:
                console.print(line)
            console.print()
            session.run("clear")
            session.run(f"pgdex search {QUERY} -n 2")
            for line in lines(session.screen)[:-1]:
                console.print(line)
        finally:
            session.close()
        drawn = console.export_svg(title="pgdex")
    (target / "terminal.svg").write_text(FONT_FACE.sub("", drawn).replace(RICHS_FONT, FONT), "utf-8")
    return 0


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
        color=None if cell.fg == "default" else colour(cell.fg, usual=""),
        bgcolor=None if cell.bg == "default" else colour(cell.bg, usual=""),
        bold=cell.bold,
        italic=cell.italics,
        underline=cell.underscore,
        reverse=cell.reverse,
    )


if __name__ == "__main__":
    sys.exit(main())
