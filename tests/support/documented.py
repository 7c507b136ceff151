"""Blocks of code in the documentation, as a reader would run them."""

import re
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
BLOCK = re.compile(
    r"(?P<skipped><!-- not run [^\n]*-->\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Block:
    """A block of one language; `line` is where it begins in its page."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: str, *languages: str) -> list[Block]:
    """The blocks of a page below docs/ in these languages, but for those under a comment `not run`."""
    content = (DOCS / page).read_text("utf-8")
    return [
        Block(page, content[: found.start("language")].count("\n") + 1, found["language"], found["text"])
        for found in BLOCK.finditer(content)
        if found["language"] in languages and not found["skipped"]
    ]


def steps(block: Block) -> list[tuple[str, str]]:
    """Each command of a console's block (behind `$ `) with the output that is shown below it."""
    parts = re.split(r"^\$ (.*)\n", block.text, flags=re.MULTILINE)
    assert parts[0] == "", f"{block} does not begin with a command"
    return list(zip(parts[1::2], parts[2::2], strict=True))
