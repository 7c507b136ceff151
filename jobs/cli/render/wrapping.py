"""Long lines, wrapped between words to the width of the terminal that they go to.

A terminal itself breaks a line wherever its width ends, also inside of a word. What has no blanks (a path, an address)
stays whole, so that it can be copied, and so does a line that is a command.
"""

import os
import re
from typing import TextIO

NARROWEST = 20  # columns; what is narrower is taken for a terminal that does not know its size
USUAL_WIDTH = 80
WORD = re.compile(r"\s*\S+")
# "  files    63 found: …": what is wrapped goes on below the value.
LABEL = re.compile(r"\s*(?:\S+(?: \S+)* {2,})?")
COMMAND = re.compile(r"\s*(?:\$ )?pgdex ")


def width_of(stream: TextIO) -> int | None:
    """The columns of the terminal that `stream` leads to; None where it leads to none, and nothing is to be wrapped."""
    if not stream.isatty():
        return None
    given = os.environ.get("COLUMNS", "")
    if given.isdigit() and int(given) >= NARROWEST:
        return int(given)
    try:
        columns = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        return USUAL_WIDTH
    return columns if columns >= NARROWEST else USUAL_WIDTH


def wrapped(text: str, width: int | None) -> str:
    """`text` with its lines broken between words, so that each has at most `width` columns where its words allow it."""
    if width is None:
        return text
    return "\n".join(one for line in text.split("\n") for one in _wrapped_line(line, width))


def cells(text: str) -> int:
    """How many columns a terminal needs for `text`."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _wrapped_line(line: str, width: int) -> list[str]:
    if cells(line) <= width or COMMAND.match(line):
        return [line]
    label = LABEL.match(line)
    indent = cells(label[0]) if label is not None else 0
    if indent > width // 2:
        indent = len(line) - len(line.lstrip())
    lines, current = [], ""
    for word in WORD.findall(line):
        if current and cells(current) + cells(word) > width:
            lines.append(current)
            current = " " * indent + word.lstrip()
        else:
            current += word
    return [*lines, current]
