"""The keys of YAML and JSON, the tables of TOML and INI, the stages of a Dockerfile, the files of a diff."""

import re

from pgdex.indexer.chunking.lines import Lines
from pgdex.indexer.chunking.outlines.heading import Heading, above, by_pattern, matches, title_of

ini_headings = by_pattern(r"^\[{1,2}([^\[\]\n]+)\]{1,2}[ \t\r]*(?:[#;].*)?$", marks=("#", ";"))
dockerfile_headings = by_pattern(r"^[ \t]*FROM[ \t]+(?:--\S+[ \t]+)*(\S+)(?:[ \t]+AS[ \t]+(\S+))?", marks=("#",))
diff_headings = by_pattern(r"^diff --git a/.* b/(.*)$")


_KEY = re.compile(
    r"^(?P<indent>[ \t]*)(?:(?P<open>[{\[])[ \t\r]*$|(?P<dash>-[ \t]+)?"
    r"(?:\"(?P<double>[^\"\n]{1,120})\"|'(?P<single>[^'\n]{1,120})'"
    r"|(?P<plain>[^\s\"'#\[\]{},&*!|>%@`:-][^:#\"'\n{}\[\]]{0,120}?))[ \t]{0,9}:"
    r"(?=[ \t\r\n]|\Z)(?P<value>.*))",
    re.MULTILINE,
)
_BLOCK_SCALAR = re.compile(r"[|>][+\-\d]*[ \t\r]*(?:#.*)?$")
_NAMING_KEYS = frozenset({"name", "id", "title", "job_name", "alias"})


def key_headings(lines: Lines) -> list[Heading]:
    """The keys of YAML and JSON, nested by their indentation.

    Items of a list are headings too, titled by the value of their "name" or "id".
    """
    keys = _Keys(lines)
    for row, match in matches(_KEY, lines):
        keys.add(row, match)
    return keys.headings


class _Keys:
    def __init__(self, lines: Lines) -> None:
        self.headings: list[Heading] = []
        self._lines = lines
        # The level of the key whose text (`|`, `>`) goes on; lines in it are no keys.
        self._text_level: int | None = None
        # The list item that has no title yet, and the level of its keys.
        self._item: Heading | None = None
        self._item_level: int | None = None

    def add(self, row: int, match: re.Match[str]) -> None:
        indent, _, dash, double, single, plain, value = match.groups()
        column = len(indent)
        level = 2 * column
        if self._text_level is not None:
            if level > self._text_level:
                return
            self._text_level = None
        start = above(self._lines, row, ("#", "//"))
        if self.headings and start <= self.headings[-1].row:
            start = row
        key = double or single or plain
        if key is None:
            # A bracket alone on its line; the outermost is no item.
            if column:
                self._begin_item(start, level, None)
        elif dash:
            self._begin_item(start, level, level + 2 * len(dash))
            self._title_item(level + 2 * len(dash), key, value)
        else:
            self._title_item(level, key, value)
            self.headings.append(Heading(start, level, title_of(key), "key"))

    def _begin_item(self, row: int, level: int, key_level: int | None) -> None:
        self._item = Heading(row, level + 1, None, "key", restarts=True)
        self._item_level = key_level
        self.headings.append(self._item)

    def _title_item(self, level: int, key: str, value: str) -> None:
        if _BLOCK_SCALAR.search(value):
            self._text_level = level
        item = self._item
        if item is None:
            return
        if level <= item.level:
            self._item = None
            return
        if self._item_level is None:
            self._item_level = level
        if item.title is None and level == self._item_level and key in _NAMING_KEYS:
            item.title = title_of(value.strip(" \t\r\"',"))
