"""The statements of SQL scripts, whatever their dialect."""

import re
from bisect import bisect_right

from pgdex.indexer.chunking.lines import Lines
from pgdex.indexer.chunking.model import Kind
from pgdex.indexer.chunking.outlines.heading import Heading, title_of

_SQL = re.compile(
    r"--[^\n]*|/\*.*?(?:\*/|\Z)|'[^']*(?:'|\Z)|\"[^\"]*(?:\"|\Z)|`[^`]*(?:`|\Z)"
    r"|\$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$|\Z)"
    r"|(?P<end>;|^[ \t]*GO[ \t\r]*$)|(?P<word>[^\s;'\"`$/-])[^\s;'\"`$/-]*|\S",
    re.DOTALL | re.MULTILINE | re.IGNORECASE,
)
_SQL_KINDS: dict[str, Kind] = {
    "table": "table",
    "view": "table",
    "function": "function",
    "procedure": "function",
    "proc": "function",
    "aggregate": "function",
    "package": "namespace",
    "schema": "namespace",
    "type": "type",
    "domain": "type",
}
_SQL_CREATE = re.compile(
    r"(?:CREATE|ALTER)\s+(?:OR\s+(?:REPLACE|ALTER)\s+)?"
    r"(?:(?:GLOBAL|LOCAL|TEMP|TEMPORARY|UNLOGGED|MATERIALIZED|RECURSIVE|UNIQUE|EXTERNAL|FOREIGN"
    r"|CONSTRAINT|EVENT|VIRTUAL|PUBLIC|EDITIONABLE|DEFINER\s*=\s*\S+)\s+){0,4}"
    r"(?P<what>TABLE|VIEW|FUNCTION|PROCEDURE|PROC|AGGREGATE|PACKAGE|SCHEMA|TYPE|DOMAIN|INDEX"
    r"|TRIGGER|SEQUENCE|EXTENSION|ROLE|USER|DATABASE|POLICY|RULE|SERVER|PUBLICATION|SUBSCRIPTION"
    r"|COLLATION|OPERATOR|CAST)\s+"
    r"(?:BODY\s+)?(?:CONCURRENTLY\s+)?(?:IF\s+(?:NOT\s+)?EXISTS\s+)?(?:ONLY\s+)?"
    r"(?P<name>[\w$.\"`\[\]]+)",
    re.IGNORECASE,
)


def sql_headings(lines: Lines) -> list[Heading]:
    """The statements of an SQL script, titled where they create or alter something by name."""
    headings: list[Heading] = []
    inside = False
    end_row = -1
    comment_row: int | None = None
    for match in _SQL.finditer(lines.text):
        if inside and not match["end"]:
            continue
        row = bisect_right(lines.offsets, match.start()) - 1
        if match["end"]:
            inside, end_row, comment_row = False, row, None
        elif not match[0].startswith(("--", "/*")):
            inside = True
            start = row if comment_row is None else comment_row
            if not headings or headings[-1].row < start:
                headings.append(_statement(lines.text, match.start(), start))
        elif row > end_row:
            # A comment after a statement on the same line is no comment on the next one.
            comment_row = _comment_start(lines, comment_row, row)
    return headings


def _comment_start(lines: Lines, comment_row: int | None, row: int) -> int:
    """Where the comments begin that stand directly above the next statement."""
    if comment_row is None or (row and lines.is_blank(row - 1)):
        return row
    return comment_row


def _statement(text: str, offset: int, row: int) -> Heading:
    created = _SQL_CREATE.match(text, offset)
    if created is None:
        return Heading(row, 0, None, "module")
    name = re.sub(r"[\"`\[\]]", "", created["name"]).strip(".")
    kind = _SQL_KINDS.get(created["what"].lower(), "resource")
    return Heading(row, 0, title_of(name), kind)
