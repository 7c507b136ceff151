"""What `pgdex install` does to one file: each edit can be made, recognised and taken back on its own.

Edits are functions from text to text. Taking one back here is by meaning: it is for files that somebody has changed
since; `receipts` has the bytes for all others.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Protocol

from pgdex.jobs.agents import jsonc, markdown, toml
from pgdex.jobs.agents.jsonc import Path

WRITTEN = "`pgdex install` wrote this file"
"""What a file that is ours altogether says somewhere: without a receipt only such a file is removed."""
OTHER_TRANSPORTS = ("url", "httpUrl", "serverUrl", "headers", "type")
"""Keys of an entry for a server elsewhere, which contradict those of a command."""


class Edit(Protocol):
    """One change of one file. All methods raise Unreadable for a text that they can't understand."""

    @property
    def label(self) -> str:
        """What is put in, for people: a key, or a word."""
        ...

    def is_made(self, text: str) -> bool:
        """Whether the text has it, in its present form."""
        ...

    def make(self, text: str) -> str:
        """The text with it."""
        ...

    def undo(self, text: str, made: Collection[str]) -> str:
        """The text without it, and without the containers in `made` that it was put into and that are now empty."""
        ...

    def containers(self, text: str) -> list[str]:
        """What is missing in the text and would be made on the way, as dotted names."""
        ...

    def meaning(self, text: str) -> Any:
        """What the text says to a program that reads it; None where only its letters count."""
        ...


@dataclass(frozen=True, slots=True)
class JsonMember:
    """A member of a JSON document. Of an object that is there other keys stay, which may be the user's."""

    path: Path
    value: Any
    only_if_missing: bool = False

    @property
    def label(self) -> str:
        """The dotted name."""
        return ".".join(self.path)

    def is_made(self, text: str) -> bool:
        """Whether all of it is there."""
        there = jsonc.at(jsonc.value_of(text), self.path)
        return there == self._merged(there) if there is not None else False

    def make(self, text: str) -> str:
        """Put in, or corrected."""
        return text if self.is_made(text) else jsonc.with_value(text, self.path, self._merged(self._there(text)))

    def undo(self, text: str, made: Collection[str]) -> str:
        """Without the member. One that was only wanted to be there at all goes if install had made it."""
        if self._there(text) is not None and (not self.only_if_missing or self.label in made):
            text = jsonc.without(text, self.path)
        return _pruned(text, self.path[:-1], made)

    def containers(self, text: str) -> list[str]:
        """The objects above, and the member itself where only its absence counts."""
        missing = _missing(text, self.path[:-1])
        return [*missing, self.label] if self.only_if_missing and self._there(text) is None else missing

    def meaning(self, text: str) -> Any:
        """The parsed document."""
        return jsonc.value_of(text)

    def _there(self, text: str) -> Any:
        return jsonc.at(jsonc.value_of(text), self.path)

    def _merged(self, there: Any) -> Any:
        if self.only_if_missing and there is not None:
            return there
        return merged(there, self.value)


@dataclass(frozen=True, slots=True)
class JsonElement:
    """An element of a list in a JSON document, known again by texts that are all in it.

    An element that groups hooks in a list of its own (`hooks`) may have got others since, as agents add one with the
    same matcher to the group that is there: those stay, and of the group only that list is ours.
    """

    path: Path
    value: Any
    marks: tuple[str, ...]

    @property
    def label(self) -> str:
        """The list's dotted name."""
        return ".".join(self.path)

    def is_made(self, text: str) -> bool:
        """Whether it is there, once, as it should be."""
        elements = [self._elements(text)[index] for index in self._ours(text)]
        return len(elements) == 1 and elements[0] == self._put_right(elements[0])

    def make(self, text: str) -> str:
        """Put behind the last element, or corrected."""
        ours = self._ours(text)
        for index in reversed(ours[1:]):
            text = self._without(text, index)
        if not ours:
            return jsonc.with_element(text, self.path, self.value)
        wanted = self._put_right(self._elements(text)[ours[0]])
        return text if self.is_made(text) else jsonc.with_element_replaced(text, self.path, ours[0], wanted)

    def undo(self, text: str, made: Collection[str]) -> str:
        """Without every element that has the marks, or without what has them in a group of several."""
        for index in reversed(self._ours(text)):
            text = self._without(text, index)
        return _pruned(text, self.path, made)

    def containers(self, text: str) -> list[str]:
        """The list and the objects above."""
        return _missing(text, self.path)

    def meaning(self, text: str) -> Any:
        """The parsed document."""
        return jsonc.value_of(text)

    def _elements(self, text: str) -> list[Any]:
        there = jsonc.at(jsonc.value_of(text), self.path)
        return there if isinstance(there, list) else []

    def _ours(self, text: str) -> list[int]:
        return [index for index, element in enumerate(self._elements(text)) if self._has_marks(element)]

    def _has_marks(self, value: Any) -> bool:
        written = json.dumps(value, ensure_ascii=False)
        return all(mark in written for mark in self.marks)

    def _others(self, element: Any) -> list[Any]:
        """What others have put into the group that this element is."""
        group = element.get("hooks") if isinstance(element, dict) else None
        return [one for one in group if not self._has_marks(one)] if isinstance(group, list) else []

    def _put_right(self, element: Any) -> Any:
        """What should be in an element's place: the value, or the group with the value's hook before the others."""
        others = self._others(element)
        return element | {"hooks": [*self.value["hooks"], *others]} if others else self.value

    def _without(self, text: str, index: int) -> str:
        element = self._elements(text)[index]
        others = self._others(element)
        if not others:
            return jsonc.without(text, self.path, index)
        return jsonc.with_element_replaced(text, self.path, index, element | {"hooks": others})


@dataclass(frozen=True, slots=True)
class TomlTable:
    """A table of a TOML document. Other keys of it stay, which may be the user's."""

    path: Path
    value: dict[str, Any]

    @property
    def label(self) -> str:
        """The dotted name."""
        return ".".join(self.path)

    def is_made(self, text: str) -> bool:
        """Whether all of it is there."""
        there = jsonc.at(toml.value_of(text), self.path)
        return there is not None and bool(there == merged(there, self.value))

    def make(self, text: str) -> str:
        """Put at the end, or corrected."""
        there = jsonc.at(toml.value_of(text), self.path)
        return text if self.is_made(text) else toml.with_table(text, self.path, merged(there, self.value))

    def undo(self, text: str, made: Collection[str]) -> str:
        """Without the table."""
        if jsonc.at(toml.value_of(text), self.path) is not None:
            text = toml.without_table(text, self.path)
        if self.path[0] in made and toml.value_of(text).get(self.path[0]) == {}:
            text = toml.without_empty(text, self.path[0])
        return text

    def containers(self, text: str) -> list[str]:
        """The table above."""
        return [] if self.path[0] in toml.value_of(text) else [self.path[0]]

    def meaning(self, text: str) -> Any:
        """The parsed document."""
        return toml.value_of(text)


@dataclass(frozen=True, slots=True)
class Section:
    """A marked section of a Markdown file."""

    body: str

    @property
    def label(self) -> str:
        """Which section."""
        return "a section on finding code"

    def is_made(self, text: str) -> bool:
        """Whether it is there and says the same."""
        return markdown.is_current(text, self.body)

    def make(self, text: str) -> str:
        """Put at the end, or renewed."""
        return text if self.is_made(text) else markdown.with_section(text, self.body)

    def undo(self, text: str, made: Collection[str]) -> str:
        """Without the section."""
        return markdown.without_section(text)

    def containers(self, text: str) -> list[str]:
        """None."""
        return []

    def meaning(self, text: str) -> Any:
        """Only its letters count."""
        return None


@dataclass(frozen=True, slots=True)
class WholeFile:
    """A file that is ours from the first byte to the last."""

    content: str

    @property
    def label(self) -> str:
        """All of it."""
        return "the file"

    def is_made(self, text: str) -> bool:
        """Whether it is this content."""
        return text == self.content

    def make(self, text: str) -> str:
        """The content."""
        return self.content

    def undo(self, text: str, made: Collection[str]) -> str:
        """Nothing, if the file says that it is ours; else as it is."""
        return "" if WRITTEN in text else text

    def containers(self, text: str) -> list[str]:
        """None."""
        return []

    def meaning(self, text: str) -> Any:
        """Only its letters count."""
        return None


def merged(there: Any, ours: Any) -> Any:
    """`ours` over the keys that are there; without those of another transport, where ours is a command."""
    if not isinstance(there, dict) or not isinstance(ours, dict):
        return ours
    kept = (
        there if "command" not in ours else {k: v for k, v in there.items() if k in ours or k not in OTHER_TRANSPORTS}
    )
    return kept | {key: merged(kept.get(key), value) for key, value in ours.items()}


def _missing(text: str, path: Path) -> list[str]:
    document = jsonc.value_of(text)
    parts = [path[: length + 1] for length in range(len(path))]
    return [".".join(part) for part in parts if jsonc.at(document, part) is None]


def _pruned(text: str, path: Path, made: Collection[str]) -> str:
    for length in range(len(path), 0, -1):
        if ".".join(path[:length]) not in made or jsonc.at(jsonc.value_of(text), path[:length]) not in ({}, []):
            break
        text = jsonc.without(text, path[:length])
    return text
