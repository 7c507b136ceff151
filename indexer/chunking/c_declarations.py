"""What the declarations of C and its relatives declare: tags, typedefs, functions, variables, and macros' arguments.

`struct table { … } tables[2];` declares a struct and a variable, `typedef struct tag { … } A, *PA;` a struct by three
names. The first name of a declaration is its definition's, the others stand beside it.
"""

import re
from collections.abc import Iterator, Mapping

from tree_sitter import Node

from pgdex.indexer.chunking.definitions import FUNCTION_LIKE
from pgdex.indexer.chunking.grammar import Declared
from pgdex.indexer.chunking.macro_names import invocation_at, looks_like_attribute
from pgdex.indexer.chunking.model import Definition, Kind

_TAGGED: Mapping[str, Kind] = {
    "struct_specifier": "struct",
    "union_specifier": "struct",
    "class_specifier": "class",
    "enum_specifier": "enum",
}
# The arguments in "Stack<T>::push", which are no part of the name.
_TEMPLATE_ARGUMENTS = re.compile(rb"<[^<>]*>\s*(?=::)")
# "operator ->" is "operator->".
_OPERATOR_GAP = re.compile(rb"\boperator\s+(?=[^\w\s])")
_LONGEST_NAME = 960
_SPECIFIERS = frozenset({"storage_class_specifier", "type_qualifier"})


def function_names(node: Node, source: bytes, scope: Definition | None) -> Iterator[Declared]:
    """The name of a function with a body.

    Of a macro's invocation with one (`TEST(suite, name) { … }`) that which the macro makes of its arguments; in a
    function, where such a macro is a loop, nothing.
    """
    declarator = node.child_by_field_name("declarator")
    if declarator is None:
        return
    name = declared_name(declarator, source)
    invocation = invocation_at(source, node.start_byte)
    if invocation is None or (scope is not None and scope.symbol.rpartition(".")[2] == name):
        yield Declared("function", name)
    elif scope is None or scope.kind not in FUNCTION_LIKE:
        yield Declared(invocation.kind, invocation.name)


def typedef_names(node: Node, source: bytes, scope: Definition | None) -> Iterator[Declared]:
    """The names of a typedef in their order, then the tag of what it names, if the body of that stands there."""
    tag = _tag(node)
    kind: Kind = "type" if tag is None else _TAGGED[tag.type]
    names = [declared_name(declarator, source) for declarator in node.children_by_field_name("declarator")]
    if tag is not None and (own := tag.child_by_field_name("name")) is not None:
        names.append(_text(own, source))
    for name in dict.fromkeys(names):
        yield Declared(kind, name)


def declaration_names(node: Node, source: bytes, scope: Definition | None) -> Iterator[Declared]:
    """A struct, union, class or enum with its body and the variables of that type, else the first thing declared.

    What stands in capitals behind a body is taken for an attribute: `struct table { … } ALIGNED;`. Of the declarations
    in a function only those with a body count.
    """
    yield from tag_names(node, source, scope)
    in_function = scope is not None and scope.kind in FUNCTION_LIKE
    if in_function:
        return
    has_tag = (tag := _tag(node)) is not None and tag.child_by_field_name("name") is not None
    for declarator in node.children_by_field_name("declarator"):
        name = declared_name(declarator, source)
        if not has_tag:
            is_function = _declares_function(declarator)
            only_declares = is_function or _is_defined_elsewhere(node, source)
            yield Declared("function" if is_function else "variable", name, is_prototype=only_declares)
            return
        if not looks_like_attribute(name):
            yield Declared("variable", name)


def tag_names(node: Node, source: bytes, scope: Definition | None) -> Iterator[Declared]:
    """A struct, union, class or enum that is declared with its body; of what is only a field nothing."""
    tag = _tag(node)
    own = None if tag is None else tag.child_by_field_name("name")
    if tag is not None and own is not None:
        yield Declared(_TAGGED[tag.type], _text(own, source))


def body_holder(node: Node) -> Node:
    """The node with the members of what a declaration declares: the struct in it, else the node itself."""
    return _tag(node) or node


def declared_name(declarator: Node, source: bytes) -> str:
    """The text at the innermost declarator, without template arguments before a `::`."""
    inner: Node | None = declarator
    while inner is not None:
        declarator = inner
        inner = declarator.child_by_field_name("declarator")
        if inner is None and declarator.type == "parenthesized_declarator":
            # "(WINAPI *callback)", "(Fixture::*method)": the declarator comes last.
            inner = next((child for child in reversed(declarator.named_children) if not child.is_error), None)
    text = source[declarator.start_byte : min(declarator.end_byte, declarator.start_byte + _LONGEST_NAME)]
    if b"::" in text and b"<" in text:
        count = 1
        while count:
            text, count = _TEMPLATE_ARGUMENTS.subn(b"", text)
    if b"operator" in text:
        text = _OPERATOR_GAP.sub(b"operator", text)
    return text.decode("utf-8", "ignore")


def _tag(node: Node) -> Node | None:
    """The struct, union, class or enum whose body stands in a declaration."""
    found = node.child_by_field_name("type")
    if found is None or found.type not in _TAGGED or found.child_by_field_name("body") is None:
        return None
    return found


def _declares_function(declarator: Node) -> bool:
    """Whether a declarator is a function's, or that of a pointer or reference which one returns; a pointer to a
    function is a variable."""
    found = declarator
    if found.type in ("pointer_declarator", "reference_declarator"):
        found = next((child for child in found.children if child.type == "function_declarator"), found)
    if found.type != "function_declarator":
        return False
    inner = found.child_by_field_name("declarator")
    return inner is None or inner.type != "parenthesized_declarator"


def _is_defined_elsewhere(node: Node, source: bytes) -> bool:
    """Whether a variable is an `extern` without a value, or the field of an object, which is mostly reached by a
    function of its name; a constant of a class is neither."""
    specifiers = {_text(child, source) for child in node.children if child.type in _SPECIFIERS}
    if node.type == "field_declaration":
        return specifiers.isdisjoint(("static", "constexpr"))
    return "extern" in specifiers and not any(child.type == "init_declarator" for child in node.children)


def _text(node: Node, source: bytes) -> str:
    return source[node.start_byte : min(node.end_byte, node.start_byte + _LONGEST_NAME)].decode("utf-8", "ignore")
