"""A recording of a terminal as an animated SVG: a strip of its screens, moved along by CSS.

No script is needed to play it, so it plays wherever an image is shown. Who asked the system for less motion sees the
last screen.
"""

from collections.abc import Sequence
from itertools import groupby
from xml.sax.saxutils import escape

import pyte
from emulated import colour

CHARACTER_WIDTH = 8.4
LINE_HEIGHT = 18
FONT_SIZE = 14
MARGIN = 14
SHORTEST_SECONDS = 0.12  # of a screen: eight in a second are enough for a bar
LONGEST_SECONDS = 1.8  # of a screen on which nothing happens
LAST_SECONDS = 6.0
BACKGROUND = "#0d1117"
FOREGROUND = "#c9d1d9"
STYLE = (
    f"text{{font:{FONT_SIZE}px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;"
    f"fill:{FOREGROUND};white-space:pre}}.b{{font-weight:bold}}.i{{font-style:italic}}"
)
Cells = tuple[tuple[str, str, str, bool, bool], ...]


def frames(events: Sequence[tuple[float, str]], *, columns: int, rows: int) -> list[tuple[float, list[Cells]]]:
    """The screens, each with how many seconds it is shown."""
    screen = pyte.Screen(columns, rows)
    stream = pyte.Stream(screen)
    found: list[tuple[float, list[Cells]]] = []
    for number, (at, data) in enumerate(events):
        stream.feed(data)
        following = events[number + 1][0] if number + 1 < len(events) else at + LAST_SECONDS
        if following - at < SHORTEST_SECONDS and number + 1 < len(events):
            continue
        found.append((at, [_cells(screen, row) for row in range(rows)]))
    shown: list[tuple[float, list[Cells]]] = []
    for number, (at, cells) in enumerate(found):
        until = found[number + 1][0] if number + 1 < len(found) else at + LAST_SECONDS
        seconds = until - at if number + 1 == len(found) else min(until - at, LONGEST_SECONDS)
        if shown and shown[-1][1] == cells:
            shown[-1] = (min(shown[-1][0] + seconds, LONGEST_SECONDS), cells)
        else:
            shown.append((seconds, cells))
    return shown


def svg(shown: Sequence[tuple[float, list[Cells]]], *, columns: int, rows: int, title: str) -> str:
    """The document. A line that several screens have is in it once."""
    width, height = columns * CHARACTER_WIDTH, rows * LINE_HEIGHT
    known: dict[Cells, str] = {}
    definitions, strip, keys = [], [], []
    total, at = sum(seconds for seconds, _ in shown), 0.0
    for number, (seconds, screen) in enumerate(shown):
        uses = []
        for row, cells in enumerate(screen):
            if not any(text.strip() or background != BACKGROUND for text, _, background, _, _ in cells):
                continue
            if cells not in known:
                known[cells] = f"l{len(known)}"
                definitions.append(f'<g id="{known[cells]}">{_line(cells)}</g>')
            uses.append(f'<use href="#{known[cells]}" y="{row * LINE_HEIGHT}"/>')
        strip.append(f'<g transform="translate(0 {number * height})">{"".join(uses)}</g>')
        keys.append(f"{100 * at / total:.3f}%{{transform:translateY({-number * height}px)}}")
        at += seconds
    last = -(len(shown) - 1) * height
    style = (
        f"{STYLE}@keyframes play{{{''.join(keys)}100%{{transform:translateY({last}px)}}}}"
        f".strip{{animation:play {total:.2f}s step-end infinite}}"
        f"@media(prefers-reduced-motion:reduce){{.strip{{animation:none;transform:translateY({last}px)}}}}"
    )
    outer_width, outer_height = width + 2 * MARGIN, height + 2 * MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xml:space="preserve" '
        f'viewBox="0 0 {outer_width:.0f} {outer_height:.0f}" '
        f'width="{outer_width:.0f}" role="img"><title>{escape(title)}</title><style>{style}</style>'
        f"<defs>{''.join(definitions)}</defs>"
        f'<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/>'
        f'<svg x="{MARGIN}" y="{MARGIN}" width="{width:.0f}" height="{height}">'
        f'<g class="strip">{"".join(strip)}</g></svg></svg>\n'
    )


def _cells(screen: pyte.Screen, row: int) -> Cells:
    """A line as runs of one look each: text, colour, background, bold, italic."""
    line = [screen.buffer[row][column] for column in range(screen.columns)]
    runs = []
    for look, run in groupby(line, key=_look):
        runs.append(("".join(cell.data for cell in run), *look))
    return tuple(runs)


def _look(cell: pyte.screens.Char) -> tuple[str, str, bool, bool]:
    front, back = colour(cell.fg, usual=FOREGROUND), colour(cell.bg, usual=BACKGROUND)
    return (back, front, cell.bold, cell.italics) if cell.reverse else (front, back, cell.bold, cell.italics)


def _line(cells: Cells) -> str:
    parts, column = [], 0
    for text, front, back, bold, italic in cells:
        x, width = column * CHARACTER_WIDTH, len(text) * CHARACTER_WIDTH
        column += len(text)
        if back != BACKGROUND:
            parts.append(f'<rect x="{x:.1f}" width="{width:.1f}" height="{LINE_HEIGHT}" fill="{back}"/>')
        if not text.strip():
            continue
        # Renderers take several blanks for one, whatever the style says; not those that don't break.
        begin, bare = len(text) - len(text.lstrip()), text.strip().replace(" ", "\u00a0")
        kind = " ".join(name for name, is_so in (("b", bold), ("i", italic)) if is_so)
        look = (f' class="{kind}"' if kind else "") + (f' style="fill:{front}"' if front != FOREGROUND else "")
        parts.append(
            f'<text x="{x + begin * CHARACTER_WIDTH:.1f}" y="{FONT_SIZE}" '
            f'textLength="{len(bare) * CHARACTER_WIDTH:.1f}"{look}>{escape(bare)}</text>'
        )
    return "".join(parts)
