"""Minimal edits of TOML files: one table put in, changed or taken out; comments and order stay.

A new table goes to the end of the file as text, which leaves every byte before it alone. Where that can't be (its
parent is an inline table) and for changes, tomlkit does it, which keeps the style of what it does not touch.
"""

import json
import re
import tomllib
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import InlineTable

from pgdex.jobs.agents.jsonc import BOM, Path, Unreadable


def value_of(text: str) -> dict[str, Any]:
    """What the document says. Raises Unreadable with the line and what is wrong there."""
    try:
        return tomllib.loads(text.removeprefix(BOM))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise Unreadable(str(error) or type(error).__name__) from None


def with_table(text: str, path: Path, table: dict[str, Any]) -> str:
    """`text` with these keys in the table at `path`; others in it stay. Raises Unreadable."""
    before = value_of(text)
    parent = before.get(path[0], {})
    if not isinstance(parent, dict) or not isinstance(parent.get(path[1], {}), dict):
        raise Unreadable(f"{path[0]} is not a table")
    expected = before | {path[0]: parent | {path[1]: parent.get(path[1], {}) | table}}
    if path[1] not in parent:
        appended = text + _separator(text) + _written(path, table, newline=_newline(text))
        if _reads_as(appended, expected):
            return appended
    return _checked(_with_keys(text, path, table), expected)


def without_table(text: str, path: Path) -> str:
    """`text` without the table at `path`. Raises Unreadable."""
    before = value_of(text)
    parent = {key: value for key, value in before[path[0]].items() if key != path[1]}
    expected = before | {path[0]: parent}
    without_parent = {key: value for key, value in before.items() if key != path[0]}
    for wanted in (
        (expected, without_parent) if not parent else (expected,)
    ):  # its header alone may have made the parent
        if _reads_as(cut := _cut(text, path), wanted):
            return cut
    document: Any = _parsed(text)
    del document[path[0]][path[1]]
    result = _bom(text) + tomlkit.dumps(document)
    if not parent and _reads_as(result, without_parent):
        return result
    return _checked(result, expected)


def without_empty(text: str, key: str) -> str:
    """`text` without the table `key`, which is empty. Raises Unreadable."""
    expected = value_of(text)
    del expected[key]
    document = _parsed(text)
    del document[key]
    return _checked(_bom(text) + tomlkit.dumps(document), expected)


def _cut(text: str, path: Path) -> str:
    """`text` without the lines that `with_table` appends and the empty line before them; as it is where there are none.

    tomlkit moves such a table where a list of tables stands before it and another table of the parent before that."""
    header = re.escape(f"[{path[0]}.{path[1]}]")
    return re.sub(rf"(?:^|(?<=\n))(?:\r?\n)?{header}[ \t]*\r?\n(?:[^\[#\s][^\n]*(?:\n|$))*", "", text, count=1)


def _with_keys(text: str, path: Path, table: dict[str, Any]) -> str:
    document: Any = _parsed(text)
    try:
        parent = document.setdefault(path[0], tomlkit.table(is_super_table=True))
        if path[1] not in parent:
            parent[path[1]] = tomlkit.inline_table() if isinstance(parent, InlineTable) else tomlkit.table()
        there = parent[path[1]]
        for key, value in table.items():
            if there.get(key) != value:
                there[key] = value
    except (TOMLKitError, TypeError, KeyError, ValueError) as error:
        raise Unreadable(f"{'.'.join(path)} can't be put in: {error}") from None
    return _bom(text) + tomlkit.dumps(document)


def _parsed(text: str) -> tomlkit.TOMLDocument:
    body = text.removeprefix(BOM)
    try:
        document = tomlkit.parse(body)
    except (TOMLKitError, RecursionError) as error:
        raise Unreadable(str(error) or type(error).__name__) from None
    if tomlkit.dumps(document) != body:
        raise Unreadable("the file can't be edited without changing other parts of it")
    return document


def _written(path: Path, table: dict[str, Any], *, newline: str) -> str:
    lines = [f"[{path[0]}.{path[1]}]", *(f"{key} = {_literal(value)}" for key, value in table.items())]
    return newline.join([*lines, ""])


def _literal(value: Any) -> str:
    """A value as TOML writes it on one line. A string of JSON is one of TOML, too."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_literal(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_literal(one) for one in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def _separator(text: str) -> str:
    """An empty line between what is there and what follows."""
    newline = _newline(text)
    if not text.removeprefix(BOM):
        return ""
    return newline if text.endswith("\n") else newline * 2


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _bom(text: str) -> str:
    return BOM if text.startswith(BOM) else ""


def _reads_as(text: str, expected: dict[str, Any]) -> bool:
    try:
        return value_of(text) == expected
    except Unreadable:
        return False


def _checked(result: str, expected: dict[str, Any]) -> str:
    if not _reads_as(result, expected):
        raise Unreadable("the file can't be edited without changing other parts of it")
    return result
