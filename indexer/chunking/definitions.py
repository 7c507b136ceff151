"""Which definition a node of the syntax tree is, and which ones are inside of some nodes."""

from collections.abc import Sequence
from typing import NamedTuple

from tree_sitter import Node

from pgdex.indexer.chunking.grammar import Grammar
from pgdex.indexer.chunking.model import CLASS_LIKE, Definition, qualified

FUNCTION_LIKE = frozenset({"function", "method", "test"})
# Kinds whose members are worth naming even where the whole fits into one chunk.
_SCOPES = frozenset({"namespace", "class", "interface", "struct", "enum", "test"})
_DEEPEST_WRAP = 8


class Named(NamedTuple):
    """A definition with the node that its rule stands for; others may be around that node."""

    definition: Definition
    node: Node


def definition_of(grammar: Grammar, node: Node, scope: Definition | None, source: bytes) -> Named | None:
    """The definition that a node is, or that it wraps."""
    traits = grammar.traits
    for _ in range(_DEEPEST_WRAP):
        trait = traits[node.type]
        if trait.rule is not None and node.is_named:
            read = grammar.read(trait.rule, node, source)
            if read is not None:
                kind, name = read
                if scope is not None:
                    if kind == "variable" and scope.kind in FUNCTION_LIKE:
                        return None
                    if kind == "function" and scope.kind in CLASS_LIKE:
                        kind = "method"
                    name = qualified(scope, name)
                level = 0 if scope is None else scope.level + 1
                prefix: str | None = name
                if not (grammar.qualify and trait.rule.qualifies):
                    prefix = None if scope is None else scope.prefix
                return Named(Definition(kind, name, level, prefix), node)
        if not trait.wraps:
            return None
        inner = [child for child in node.named_children if traits[child.type].names]
        if len(inner) != 1:
            return None
        node = inner[0]
    return None


def definitions_in(
    grammar: Grammar, nodes: Sequence[Node], scope: Definition | None, known: Named | None, source: bytes
) -> list[Definition]:
    """The definitions in some nodes, outermost first, with their sizes; not those in functions.

    `known` is the one of these nodes whose definition was found before; its size is left alone.
    """
    result: list[Definition] = []
    if known is not None:
        result.append(known.definition)
        if known.definition.kind not in _SCOPES and len(nodes) == 1:
            return result
    traits = grammar.traits
    stack = [(node, scope) for node in reversed(nodes)]
    while stack:
        node, around = stack.pop()
        trait = traits[node.type]
        definition: Definition | None = None
        if known is not None and node == known.node:
            definition = known.definition
        elif trait.rule is not None:
            named = definition_of(grammar, node, around, source)
            # What a node only wraps is found when its children are looked at.
            if named is not None and named.node == node:
                definition = named.definition
                definition.size = node.end_byte - node.start_byte
                result.append(definition)
        if definition is not None:
            if definition.kind not in _SCOPES:
                continue
            around = definition
        elif not trait.looks_inside:
            continue
        stack.extend((child, around) for child in reversed(node.children))
    return result
