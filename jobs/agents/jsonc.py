"""Minimal edits of JSON files as people keep them: with comments, trailing commas, and an indentation of their own.

Reads what VS Code, Zed and opencode accept (JSON with comments and trailing commas, RFC 8259 otherwise) and notes where
each value stands, so that an edit touches one place and leaves every other byte alone. The libraries at hand print the
whole document again (json5, json-five, commentjson) or carry a JavaScript engine along (jsonc-edit).
"""

import json
import re
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]  # public in Lib/json/decoder.py, typeshed lacks it
from typing import Any

BOM = "\ufeff"
BLANK = " \t\r\n" + BOM
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
WORDS = {"true": True, "false": False, "null": None}
SKIPPED = re.compile(r"(?:[ \t\r\n]+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
SPACES = re.compile(r"[ \t\r\n]*")
DEFAULT_INDENT = "  "
DEEPEST = 200  # levels; each costs two Python frames, of which there are 1,000

Path = tuple[str, ...]
"""The keys that lead to a value from the top of the document."""


class Unreadable(ValueError):
    """The text is not what its format wants, or has something else where an edit belongs; says where and what."""


@dataclass(frozen=True, slots=True)
class Node:
    """A value at text[start:end]. `items` are its members or elements, `inner_end` is where its last item, comma or
    comment ends (both only of an object or array)."""

    start: int
    end: int
    value: Any
    items: "tuple[Item, ...]" = ()
    inner_end: int = 0


@dataclass(frozen=True, slots=True)
class Item:
    """A member (`key`) or an element (no key) of a container, from `start`; `comma` is where the comma behind it is."""

    key: str | None
    start: int
    node: Node
    comma: int | None


def value_of(text: str) -> Any:
    """What the document says; {} where it is blank. Raises Unreadable."""
    return {} if is_blank(text) else parse(text).value


def is_blank(text: str) -> bool:
    """Whether there is nothing in it."""
    return not text.strip(BLANK)


def parse(text: str) -> Node:
    """The document with its places. Raises Unreadable with the line and what is wrong there."""
    reader = _Reader(text)
    reader.position = len(BOM) if text.startswith(BOM) else 0
    reader.skip()
    node = reader.value(0)
    reader.skip()
    if reader.position < len(text):
        raise reader.error("something follows the end of the document")
    return node


def with_value(text: str, path: Path, value: Any) -> str:
    """`text` with `value` at `path`: in place of what is there, or behind the last member of the deepest container that
    is there. Raises Unreadable."""
    expected = _set(value_of(text), path, value)
    if is_blank(text):
        bom = BOM if text.startswith(BOM) else ""
        return bom + json.dumps(expected, indent=DEFAULT_INDENT, ensure_ascii=False) + "\n"
    style = _Style.of(text)
    node, found = parse(text), 0
    for key in path:
        _require_object(node, path[:found])
        item = _member(node, key)
        if item is None:
            break
        node, found = item.node, found + 1
    if found == len(path):
        rendered = style.rendered(text, value, indent=_line_indent(text, node.start))
        result = text[: node.start] + rendered + text[node.end :]
    else:
        nested = value
        for key in reversed(path[found + 1 :]):
            nested = {key: nested}
        result = _inserted(text, node, path[found], nested, style)
    return _checked(result, expected)


def with_element(text: str, path: Path, value: Any) -> str:
    """`text` with `value` as the last element of the array at `path`, which is made where it is missing.

    Raises Unreadable."""
    there = at(value_of(text), path)
    if there is None:
        return with_value(text, path, [value])
    if not isinstance(there, list):
        raise Unreadable(f"{'.'.join(path)} is not a list")
    expected = _set(value_of(text), path, [*there, value])
    return _checked(_inserted(text, _node(text, path), None, value, _Style.of(text)), expected)


def with_element_replaced(text: str, path: Path, index: int, value: Any) -> str:
    """`text` with another element at `index` of the array at `path`. Raises Unreadable."""
    elements = at(value_of(text), path)
    node = _node(text, path).items[index].node
    rendered = _Style.of(text).rendered(text, value, indent=_line_indent(text, node.start))
    expected = _set(value_of(text), path, [*elements[:index], value, *elements[index + 1 :]])
    return _checked(text[: node.start] + rendered + text[node.end :], expected)


def without(text: str, path: Path, index: int | None = None) -> str:
    """`text` without the member at `path`, or without the element at `index` of the array there. Raises Unreadable."""
    if index is None:
        container = _node(text, path[:-1])
        place = next(place for place, item in enumerate(container.items) if item.key == path[-1])
        expected = _set(value_of(text), path, _GONE)
    else:
        container, place = _node(text, path), index
        elements = at(value_of(text), path)
        expected = _set(value_of(text), path, elements[:index] + elements[index + 1 :])
    return _checked(_removed(text, container, place), expected)


def at(value: Any, path: Path) -> Any:
    """What is at `path` in a parsed document; None where nothing is."""
    for key in path:
        if not isinstance(value, dict) or key not in value:
            return None
        value = value[key]
    return value


_GONE = object()


def _set(value: Any, path: Path, new: Any) -> Any:
    """A copy of a parsed document with `new` at `path`; without what is there for _GONE."""
    if not path:
        return new
    if not isinstance(value, dict):
        raise Unreadable("the document is not an object")
    copy = dict(value)
    if len(path) == 1 and new is _GONE:
        del copy[path[0]]
    else:
        inner = copy.get(path[0], {})
        if len(path) > 1 and not isinstance(inner, dict):
            raise Unreadable(f"{path[0]} is not an object")
        copy[path[0]] = _set(inner, path[1:], new)
    return copy


def _checked(result: str, expected: Any) -> str:
    """The edited text, if it reads as it should. This has found no mistake yet; it is here for the day when it does."""
    if value_of(result) != expected:
        raise Unreadable("the edit would have changed something else")
    return result


def _node(text: str, path: Path) -> Node:
    node = parse(text)
    for key in path:
        item = _member(node, key)
        assert item is not None
        node = item.node
    return node


def _member(node: Node, key: str) -> Item | None:
    """The member called `key`: of several the last, which is the one that counts."""
    found = [item for item in node.items if item.key == key]
    if len(found) > 1:
        raise Unreadable(f"{key} is there more than once")
    return found[0] if found else None


def _require_object(node: Node, path: Path) -> None:
    if not isinstance(node.value, dict):
        raise Unreadable(f"{'.'.join(path) or 'the document'} is not an object")


def _line_indent(text: str, position: int) -> str:
    """The blanks at the beginning of the line that `position` is in."""
    line = text[text.rfind("\n", 0, position) + 1 : position].removeprefix(BOM)
    return line[: len(line) - len(line.lstrip(" \t"))]


@dataclass(frozen=True, slots=True)
class _Style:
    """How a document is written: what a level is indented by, how a line ends; `compact` one is all on one line."""

    indent: str
    newline: str
    compact: bool
    separators: tuple[str, str]

    @classmethod
    def of(cls, text: str) -> "_Style":
        """That of `text`, from its first indented line."""
        indented = re.search(r"\n([ \t]+)[^ \t\r\n]", text)
        newline = "\r\n" if "\r\n" in text else "\n"
        node = parse(text)
        is_tight = re.search(r'":[^ \t\r\n]', text) is not None
        return cls(
            indented[1] if indented else DEFAULT_INDENT,
            newline,
            compact="\n" not in text[node.start : node.end] and bool(node.items),
            separators=(",", ":") if is_tight else (", ", ": "),
        )

    def rendered(self, text: str, value: Any, *, indent: str) -> str:
        """`value` as it stands on a line that is indented by `indent`."""
        if self.compact:
            return self.on_one_line(value)
        lines = json.dumps(value, indent=self.indent, ensure_ascii=False).split("\n")
        return (self.newline + indent).join(lines)

    def on_one_line(self, value: Any) -> str:
        return json.dumps(value, separators=self.separators, ensure_ascii=False)


def _inserted(text: str, node: Node, key: str | None, value: Any, style: _Style) -> str:
    """`text` with one more item at the end of a container."""
    name = "" if key is None else json.dumps(key, ensure_ascii=False)
    last = node.items[-1] if node.items else None
    end = node.inner_end
    if style.compact or (last is not None and not _begins_a_line(text, last.start)):
        item = (name + style.separators[1] if name else "") + style.on_one_line(value)
        if last is None:
            return text[: node.start + 1] + item + text[node.start + 1 :]
        if last.comma is not None:
            return text[: last.comma + 1] + style.separators[0][1:] + item + text[last.comma + 1 :]
        return text[: last.node.end] + style.separators[0] + item + text[last.node.end :]
    outer = _line_indent(text, node.start)
    indent = outer + style.indent if last is None else _line_indent(text, last.start)
    item = style.newline + indent + (f"{name}: " if name else "") + style.rendered(text, value, indent=indent)
    if last is None:
        closing = "" if "\n" in text[end : node.end] else style.newline + outer
        return text[:end] + item + closing + text[end:]
    if last.comma is not None:
        return text[:end] + item + "," + text[end:]
    return text[: last.node.end] + "," + text[last.node.end : end] + item + text[end:]


def _begins_a_line(text: str, position: int) -> bool:
    line = text.rfind("\n", 0, position)
    return line >= 0 and not text[line:position].strip()


def _removed(text: str, container: Node, place: int) -> str:
    """`text` without one item of a container; comments around it stay."""
    item = container.items[place]
    start, end = item.start, item.node.end
    if _begins_a_line(text, start):
        line = text.rfind("\n", 0, start)
        start = line - 1 if text[line - 1 : line] == "\r" else line
    if item.comma is not None:
        between = text[end : item.comma]
        end = item.comma + 1
        rest = text[:start] + between.strip(" \t") + text[end:]
        if not _begins_a_line(text, item.start):
            rest = text[:start] + text[end:].lstrip(" \t")
        elif between.strip():  # a comment between the value and its comma
            rest = text[: item.start] + between.lstrip(" \t") + text[end:]
        return _closed(rest, container, len(text) - len(rest))
    if place > 0:
        comma = container.items[place - 1].comma
        assert comma is not None
        start = max(start, comma + 1)
        gap = text[comma + 1 : start]
        rest = text[:comma] + (gap if gap.strip() else gap.rstrip(" \t")) + text[end:]
        return _closed(rest, container, len(text) - len(rest))
    rest = text[:start] + text[end:]
    return _closed(rest, container, len(text) - len(rest))


def _closed(text: str, container: Node, shorter: int) -> str:
    """An emptied container on one line again, if nothing but blanks is left in it."""
    inner_start, inner_end = container.start + 1, container.end - 1 - shorter
    if text[inner_start:inner_end].strip():
        return text
    return text[:inner_start] + text[inner_end:]


class _Reader:
    """A position in a text, and what can be read from there."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def error(self, what: str) -> Unreadable:
        line = self.text.count("\n", 0, self.position) + 1
        column = self.position - self.text.rfind("\n", 0, self.position)
        return Unreadable(f"line {line}, column {column}: {what}")

    def skip(self) -> int:
        """Pass blanks and comments; returns where the last comment ended, or where it began if there was none."""
        before = self.position
        found = SKIPPED.match(self.text, before)
        assert found is not None
        self.position = found.end()
        if self.text.startswith("/*", self.position):
            raise self.error("a comment does not end")
        return before + len(self.text[before : self.position].rstrip(" \t\r\n"))

    def value(self, depth: int) -> Node:
        """The value that begins here."""
        start = self.position
        character = self.text[start : start + 1]
        if depth > DEEPEST:
            raise self.error(f"more than {DEEPEST} levels of nesting")
        if character in ("{", "["):
            return self._container(depth, closing="}" if character == "{" else "]")
        if character == '"':
            text = self._string()
            return Node(start, self.position, text)
        number = NUMBER.match(self.text, start)
        if number is not None:
            self.position = number.end()
            return Node(start, self.position, self._number(number[0]))
        for word, value in WORDS.items():
            if self.text.startswith(word, start):
                self.position = start + len(word)
                return Node(start, self.position, value)
        raise self.error("a value is missing" if character else "the document ends too early")

    def _number(self, digits: str) -> int | float:
        try:
            value: int | float = json.loads(digits)
        except ValueError:  # Python reads no integer of more than 4,300 digits
            raise self.error("the number is too long") from None
        return value

    def _string(self) -> str:
        if self.text[self.position : self.position + 1] != '"':
            raise self.error("a name in double quotes is missing")
        try:
            value, self.position = scanstring(self.text, self.position + 1, True)
        except json.JSONDecodeError as error:
            self.position = min(error.pos, len(self.text))
            raise self.error(error.msg) from None
        assert isinstance(value, str)
        return value

    def _container(self, depth: int, *, closing: str) -> Node:
        start = self.position
        items: list[Item] = []
        self.position += 1
        inner_end = self.skip()
        while not self.text.startswith(closing, self.position):
            if items and items[-1].comma is None:
                raise self.error(f"a comma or {closing} is missing")
            item_start, key = self.position, None
            if closing == "}":
                key = self._string()
                self.skip()
                if not self.text.startswith(":", self.position):
                    raise self.error("a colon is missing")
                self.position += 1
                self.skip()
            node = self.value(depth + 1)
            inner_end, comma = self.skip(), None
            if self.text.startswith(",", self.position):
                comma = self.position
                self.position += 1
                inner_end = self.skip()
            items.append(Item(key, item_start, node, comma))
        self.position += 1
        value: Any = {item.key: item.node.value for item in items} if closing == "}" else [i.node.value for i in items]
        return Node(start, self.position, value, tuple(items), inner_end)
