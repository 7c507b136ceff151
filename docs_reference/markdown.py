"""Text that was not written as Markdown, as Markdown: nothing in it is taken for markup but code between backticks."""

import re
from collections.abc import Iterable, Sequence

SPECIAL = re.compile(r"([*\[\]<>\\]|(?<!\w)_|_(?!\w))")


def prose(text: str) -> str:
    """`text` with every character escaped that Markdown would act on, outside of `code`."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else SPECIAL.sub(r"\\\1", part) for part in parts)


def code(text: object) -> str:
    """`text` as inline code."""
    return f"`{text}`"


def fenced(text: str, language: str = "") -> str:
    """A block of code."""
    return f"```{language}\n{text.strip(chr(10))}\n```\n"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a cell may hold Markdown, but no line break survives in it."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join(f"| {' | '.join(_cell(cell) for cell in line)} |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
