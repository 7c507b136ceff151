"""What a table says about a grammar: which nodes are definitions, of which kind, named how."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from tree_sitter import Node

from pgdex.indexer.chunking.grammars import load_grammar
from pgdex.indexer.chunking.model import Definition, Kind
from pgdex.indexer.chunking.node_paths import Path, follow, path

_NO_KINDS: Mapping[str, Kind] = MappingProxyType({})

# Nodes that hold the statements or members of their parent, in nearly all grammars.
_BODY = re.compile(
    r"(?:[Bb]ody|[Bb]lock|_list|suite|statements|declarations|members|structure|signature)$"
    r"|^(?:compound_statement|body_statement|imports|do_block|enum_body_declarations)$"
)
_SPACES = re.compile(r"\s+")
_SEPARATORS = re.compile(r"::|\\|->")
_LONGEST_NAME = 120


@dataclass(frozen=True, slots=True)
class Trait:
    """What a node type means for finding definitions."""

    rule: "Rule | None"
    # Around one definition and part of it: decorators, `export`, `template <…>`.
    wraps: bool
    # Holds the statements or members of its parent.
    opens: bool
    # Belongs to what follows it: comments, attributes.
    leads: bool
    # Belongs to what precedes it.
    follows: bool
    # Holds code in another language.
    injects: bool
    # May be a definition, may have definitions inside.
    names: bool
    looks_inside: bool
    # Is a definition only outside of functions.
    only_variable: bool


class Declared(NamedTuple):
    """A name that a declaration declares; a prototype is no definition where the function stands in the same file."""

    kind: Kind
    name: str
    is_prototype: bool = False


# From a node, the source and the definition around it.
Declares = Callable[[Node, bytes, Definition | None], Iterable[Declared]]


@dataclass(frozen=True, slots=True)
class Rule:
    """How a node of one type is a definition; made by `rule`."""

    # The kind, unless `heads` or `refine` know better; None: it is a definition only if they do.
    kind: Kind | None
    # Ways to the node whose text is the name; the first that leads somewhere counts.
    names: tuple[Path, ...]
    # The name where no way leads to one: "constructor".
    default: str | None = None
    # The way to a receiver, whose name is put before the definition's.
    receiver: Path = ()
    # By the type of the node at `at` and of its children: the kind.
    refine: Mapping[str, Kind] = field(default_factory=dict)
    at: Path = ()
    # By the text of the node at `head`: the kind, and a definition only if it is listed.
    heads: Mapping[str, Kind] = field(default_factory=dict)
    head: Path = ()
    # A field that must be there: what has no body is only a mention.
    needs: str | None = None
    # Whether the names inside begin with this one; long namespaces say little and cost much.
    qualifies: bool = True
    # Where the attributes id and name are, for elements.
    attributes: Path | None = None
    # The name is an Objective-C selector: all its words, each with its colon.
    selector: bool = False
    # Instead of all the above: the names that a node declares, the definition's first.
    declares: Declares | None = None
    # The node that holds the definition's members, where it is not the definition's own.
    members: Callable[[Node], Node] | None = None
    # Where this way leads to a node, it adds to what is defined elsewhere: an `impl` block, an `extension`. The empty
    # way always does: a namespace that every file may reopen.
    reopens: Path | None = None
    # A variable is a field of each object, unless it says `static` or `const`: what is looked up is mostly a function,
    # a property or a type of its name.
    of_object: bool = False
    # What a node of this type is where this rule says that it is nothing.
    otherwise: "Rule | None" = None


def rule(
    kind: Kind | None,
    *names: str,
    default: str | None = None,
    receiver: str = "",
    refine: Mapping[str, Kind] = _NO_KINDS,
    at: str = "",
    heads: Mapping[str, Kind] = _NO_KINDS,
    head: str = "",
    needs: str | None = None,
    qualifies: bool = True,
    attributes: str | None = None,
    selector: bool = False,
    declares: Declares | None = None,
    members: Callable[[Node], Node] | None = None,
    reopens: str | None = None,
    of_object: bool = False,
    otherwise: Rule | None = None,
) -> Rule:
    """A `Rule` with its ways written as text (see `path`); by default the field "name" names it."""
    return Rule(
        kind=kind,
        names=tuple(path(name) for name in names or ("name",)),
        default=default,
        receiver=path(receiver),
        refine=refine,
        at=path(at),
        heads=heads,
        head=path(head),
        needs=needs,
        qualifies=qualifies,
        attributes=None if attributes is None else path(attributes),
        selector=selector,
        declares=declares,
        members=members,
        reopens=None if reopens is None else path(reopens),
        of_object=of_object,
        otherwise=otherwise,
    )


class _Traits(dict[int, Trait]):
    """The traits of a grammar's node types by the numbers of these (`Node.kind_id`); a lookup of a known one costs no
    Python call, and no new string for the type's name."""

    def __init__(self, grammar: "Grammar") -> None:
        super().__init__()
        self._grammar = grammar

    def __missing__(self, kind_id: int) -> Trait:
        node_type = load_grammar(self._grammar.name).node_kind_for_id(kind_id)
        trait = self[kind_id] = self._grammar.trait(node_type or "")
        return trait


@dataclass(frozen=True, slots=True)
class Grammar:
    """All that is known about one grammar. Every set holds node types."""

    rules: Mapping[str, Rule]
    wraps: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    bodies: frozenset[str] = frozenset()
    leads: frozenset[str] = frozenset()
    follows: frozenset[str] = frozenset()
    # Element type → by its `lang` attribute ("" without one): the grammar of what it holds.
    injections: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    # One function is written as several definitions of the same name, one after the other.
    clauses: bool = False
    # Whether a nested definition's symbol begins with the names around it.
    qualify: bool = True
    # What is left out of a name, as `exports.` in JavaScript.
    trim: re.Pattern[str] | None = None
    # The part of the text at a name's place that is the name.
    pattern: re.Pattern[str] | None = None
    # What a name cannot contain; where it does, the grammar has misread the text.
    refuse: re.Pattern[str] | None = None
    # What stands between the parts of a qualified name; each becomes a dot.
    separators: re.Pattern[str] = _SEPARATORS
    # As tree_sitter_language_pack has it (see `grammar_of`): it numbers the node types.
    name: str = ""
    # Filled as node types are met.
    traits: Mapping[int, Trait] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "traits", _Traits(self))

    def trait(self, node_type: str) -> Trait:
        found = self.rules.get(node_type)
        wraps = node_type in self.wraps
        opens = node_type in self.bodies or (_BODY.search(node_type) is not None and found is None and not wraps)
        return Trait(
            rule=found,
            wraps=wraps,
            opens=opens,
            leads=node_type in self.leads or "comment" in node_type,
            follows=node_type in self.follows,
            injects=node_type in self.injections,
            names=found is not None or wraps,
            looks_inside=wraps or opens or node_type in self.groups or node_type == "ERROR",
            only_variable=found is not None
            and found.kind == "variable"
            and not (found.refine or found.heads or found.declares or wraps),
        )

    def read(self, found: Rule, node: Node, source: bytes) -> tuple[Kind, str] | None:
        """The kind and the name that a rule gives a node; None: it is not a definition after all."""
        if found.needs is not None and node.child_by_field_name(found.needs) is None:
            return None
        kind = found.kind
        if found.heads:
            head = follow(node, found.head)
            kind = None if head is None else found.heads.get(_text(head, source))
        if found.refine and (kind is not None or not found.heads):
            kind = _refine(found, node) or kind
        if kind is None:
            return None
        name = self._name(found, node, source)
        if not name:
            return None
        if found.receiver:
            target = follow(node, found.receiver)
            if target is not None and (receiver := self._clean(_text(target, source))):
                return ("method" if kind == "function" else kind), f"{receiver}.{name}"
        return kind, name

    def declared(self, found: Rule, node: Node, source: bytes, scope: Definition | None) -> list[Declared]:
        """The names that a node declares by a rule with `declares`, each once; of a title, as a test has, all of it."""
        names: dict[str, Declared] = {}
        for kind, text, is_prototype in (found.declares or _nothing)(node, source, scope):
            name = text[:_LONGEST_NAME].strip() if kind == "test" else self._clean(text)
            if name:
                names.setdefault(name, Declared(kind, name, is_prototype))
        return list(names.values())

    def _name(self, found: Rule, node: Node, source: bytes) -> str | None:
        name = ""
        for way in found.names:
            target = follow(node, way)
            if target is not None and (name := self._clean(_text(target, source))):
                break
        if found.selector:
            name = _selector(node, source) or name
        name = name or found.default or ""
        if found.attributes is not None:
            mark = _mark(node, found.attributes, source)
            if mark is None and not found.default:
                return None
            name = f"{name}#{mark}" if mark else name
        return name

    def _clean(self, text: str) -> str:
        # Most names are an identifier, which nothing of the below changes.
        if text.isidentifier() and self.refuse is None and (self.trim is None or self.trim.search(text) is None):
            return text[:_LONGEST_NAME]
        name = text.strip()
        if self.refuse is not None and self.refuse.search(name):
            return ""
        if self.pattern is not None:
            match = self.pattern.search(name)
            name = name if match is None else match[0].strip()
        if self.trim is not None:
            name = self.trim.sub("", name)
        name = self.separators.sub(".", _SPACES.sub(" ", name.strip("\"'`")))
        return name[:_LONGEST_NAME].strip()


def _nothing(_node: Node, _source: bytes, _scope: Definition | None) -> Iterable[Declared]:
    return ()


def _text(node: Node, source: bytes) -> str:
    # Names are short; a node that is not would be cut to the longest name anyway.
    start = node.start_byte
    return source[start : min(node.end_byte, start + 8 * _LONGEST_NAME)].decode("utf-8", "ignore")


def _refine(found: Rule, node: Node) -> Kind | None:
    target = follow(node, found.at)
    if target is None:
        return None
    kind = found.refine.get(target.type) if found.at else None
    if kind is not None:
        return kind
    for child in target.children:
        kind = found.refine.get(child.type)
        if kind is not None:
            return kind
    return None


def _selector(node: Node, source: bytes) -> str:
    parts = [c for c in node.named_children if c.type in ("identifier", "method_parameter")]
    return "".join(":" if part.type == "method_parameter" else _text(part, source) for part in parts)[:_LONGEST_NAME]


def _mark(node: Node, way: Path, source: bytes) -> str | None:
    tag = follow(node, way)
    for attribute in tag.named_children if tag is not None else ():
        if attribute.type.lower() != "attribute" or attribute.named_child_count < 2:
            continue
        if _text(attribute.named_child(0), source).lower() in ("id", "name"):
            value = _text(attribute.named_child(1), source).strip("\"'")
            return _SPACES.sub(" ", value)[:_LONGEST_NAME].strip() or None
    return None


def types(*groups: str | Iterable[str]) -> frozenset[str]:
    """Node types from strings of several names each."""
    return frozenset(name for group in groups for name in (group.split() if isinstance(group, str) else group))
