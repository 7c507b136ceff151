"""Which definition a node of the syntax tree is, and which ones are inside of some nodes."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from tree_sitter import Node

from pgdex.indexer.chunking.grammar import Grammar, Rule
from pgdex.indexer.chunking.model import CLASS_LIKE, Definition, Kind, qualified
from pgdex.indexer.chunking.node_paths import follow

FUNCTION_LIKE = frozenset({"function", "method", "test"})
# Kinds whose members are worth naming even where the whole fits into one chunk.
_SCOPES = frozenset({"namespace", "class", "interface", "struct", "enum", "test"})
_DEEPEST_WRAP = 8
# What leads to a name in another module or class, and the most bytes of a node's end that are looked at for one.
_WAY = re.compile(rb"[\w$]+(?:(?:\.|::)[\w$]+)+")
_IMPORT = re.compile(rb"(?:await\s+)?(?:require|import)\b\s*\(?\s*[\"'][^\"'\n]*[\"']\s*\)?(?:\.[\w$]+)*")
_LONGEST_WAY = 200
# What a field of a class says that is the same in all objects, and the most bytes of a field that are looked at.
_SHARED = re.compile(rb"\b(?:static|const)\b")
_LONGEST_HEAD = 400


class Named(NamedTuple):
    """A definition with the node that its rule stands for; others may be around that node.

    `others` are further names of it, or what the same declaration declares beside it; `members` is the node around
    what is inside of it, if that is not `node`.
    """

    definition: Definition
    node: Node
    others: tuple[Definition, ...] = ()
    members: Node | None = None

    @property
    def definitions(self) -> tuple[Definition, ...]:
        """All that the node declares, the definition first."""
        return (self.definition, *self.others)


def definition_of(grammar: Grammar, node: Node, scope: Definition | None, source: bytes) -> Named | None:
    """The definition that a node is, or that it wraps."""
    traits = grammar.traits
    for _ in range(_DEEPEST_WRAP):
        trait = traits[node.kind_id]
        if trait.rule is not None and trait.rule.declares is not None:
            named = _declared(grammar, trait.rule, node, scope, source)
            if named is not None:
                return named
        elif trait.rule is not None and node.is_named:
            read = grammar.read(trait.rule, node, source)
            if read is None and trait.rule.otherwise is not None:
                read = grammar.read(trait.rule.otherwise, node, source)
            if read is not None:
                kind, name = read
                if kind == "variable" and scope is not None and scope.kind in FUNCTION_LIKE:
                    return None
                definition = _definition(grammar, trait.rule, kind, name, scope)
                reopens = trait.rule.reopens
                definition.reopens = (reopens is not None and follow(node, reopens) is not None) or (
                    kind in ("variable", "type") and _passes_on(node, name, source)
                )
                definition.is_prototype = (
                    trait.rule.of_object and kind == "variable" and not _is_shared_by_objects(node, source)
                )
                return Named(definition, node)
        if not trait.wraps:
            return None
        inner = [child for child in node.named_children if traits[child.kind_id].names]
        if len(inner) != 1:
            return None
        node = inner[0]
    return None


def _passes_on(node: Node, name: str, source: bytes) -> bool:
    """Whether a variable or an alias is another way to what is defined elsewhere: `A = b.A`, `using A = b::A`,
    `cart = require("./cart")`."""
    end = source[max(node.start_byte, node.end_byte - _LONGEST_WAY) : node.end_byte].rstrip(b" \t\r\n;")
    before, _, value = end.rpartition(b"=")
    if before.endswith((b"=", b"!", b"<", b">")):  # a comparison
        return False
    value = value.strip()
    if _IMPORT.fullmatch(value):
        return True
    last = re.split(r"[.:]", name)[-1].encode()
    return bool(last) and value.endswith((b"." + last, b":" + last)) and _WAY.fullmatch(value) is not None


def _is_shared_by_objects(node: Node, source: bytes) -> bool:
    head = source[node.start_byte : min(node.end_byte, node.start_byte + _LONGEST_HEAD)]
    return _SHARED.search(re.split(rb"[=;]", head)[0]) is not None


def _definition(grammar: Grammar, found: Rule, kind: Kind, name: str, scope: Definition | None) -> Definition:
    if scope is not None:
        if kind == "function" and scope.kind in CLASS_LIKE:
            kind = "method"
        name = qualified(scope, name)
    level = 0 if scope is None else scope.level + 1
    prefix: str | None = name
    if not (grammar.qualify and found.qualifies):
        prefix = None if scope is None else scope.prefix
    return Definition(kind, name, level, prefix)


def _declared(grammar: Grammar, found: Rule, node: Node, scope: Definition | None, source: bytes) -> Named | None:
    definitions: list[Definition] = []
    for kind, name, is_prototype in grammar.declared(found, node, source, scope):
        definition = _definition(grammar, found, kind, name, scope)
        definition.is_prototype = is_prototype
        definitions.append(definition)
    if not definitions:
        return None
    return Named(definitions[0], node, tuple(definitions[1:]), None if found.members is None else found.members(node))


def definitions_in(
    grammar: Grammar, nodes: Sequence[Node], scope: Definition | None, known: Named | None, source: bytes
) -> list[Definition]:
    """The definitions in some nodes, outermost first, with their sizes; not those in functions.

    `known` is the one of these nodes whose definition was found before; its size is left alone.
    """
    result: list[Definition] = []
    if known is not None:
        result.extend(known.definitions)
        if known.definition.kind not in _SCOPES and len(nodes) == 1:
            return result
    traits = grammar.traits
    stack = [(node, scope) for node in reversed(nodes)]
    while stack:
        node, around = stack.pop()
        trait = traits[node.kind_id]
        definition: Definition | None = None
        named: Named | None = None
        if known is not None and node == known.node:
            named = known
            definition = known.definition
        elif trait.rule is not None:
            named = definition_of(grammar, node, around, source)
            # What a node only wraps is found when its children are looked at.
            if named is not None and named.node == node:
                definition = named.definition
                definition.size = node.end_byte - node.start_byte
                result.extend(named.definitions)
        if definition is not None:
            if definition.kind not in _SCOPES:
                continue
            around = definition
            if named is not None and named.members is not None:
                node = named.members
        elif not trait.looks_inside:
            continue
        for child in reversed(node.children):
            inner = traits[child.kind_id]
            if inner.names or inner.looks_inside:
                stack.append((child, around))
    return result
