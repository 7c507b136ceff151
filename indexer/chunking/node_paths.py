"""Ways from a node of a syntax tree to one below it, written as text."""

from enum import Enum, auto
from functools import cache
from typing import Any

from tree_sitter import Node


class _Step(Enum):
    FIELD = auto()
    DEEP_FIELD = auto()
    TYPE = auto()
    INDEX = auto()


# The kind of each step; what it goes by (a field, types, a number); the types that it may lead to, if not all.
Path = tuple[tuple[_Step, Any, frozenset[str]], ...]


@cache
def path(text: str) -> Path:
    """A way from a node to one below it, written as steps between slashes.

    `name` is the child in the field "name"; `declarator*` follows that field as far as it goes;
    `:identifier,word` is the first named child of one of these types; `#0` is the first named
    child. `left:identifier` is the child in the field, if it is of the type.
    """
    steps: list[tuple[_Step, Any, frozenset[str]]] = []
    for part in text.split("/") if text else ():
        where, _, types = part.partition(":")
        allowed = frozenset(types.split(",")) if types else frozenset[str]()
        if not where:
            steps.append((_Step.TYPE, allowed, frozenset()))
        elif where.startswith("#"):
            steps.append((_Step.INDEX, int(where[1:]), allowed))
        elif where.endswith("*"):
            steps.append((_Step.DEEP_FIELD, where[:-1], allowed))
        else:
            steps.append((_Step.FIELD, where, allowed))
    return tuple(steps)


def follow(node: Node, way: Path) -> Node | None:
    """The node at the end of the path, None where a step leads nowhere."""
    for step, where, allowed in way:
        found: Node | None
        if step is _Step.FIELD:
            found = node.child_by_field_name(where)
        elif step is _Step.TYPE:
            found = next((c for c in node.named_children if c.type in where), None)
        elif step is _Step.INDEX:
            found = node.named_child(where) if where < node.named_child_count else None
        else:
            found = node
            deeper = node.child_by_field_name(where)
            while deeper is not None:
                found = deeper
                deeper = deeper.child_by_field_name(where)
        if found is None or (allowed and found.type not in allowed):
            return None
        node = found
    return node
