"""JavaScript, TypeScript and their dialects."""

import re

from pgdex.indexer.chunking.grammar import Grammar, rule, types
from pgdex.indexer.chunking.model import Kind

_FUNCTIONS: dict[str, Kind] = {
    "arrow_function": "function",
    "function_expression": "function",
    "generator_function": "function",
    "class": "class",
}
_METHODS: dict[str, Kind] = {
    **_FUNCTIONS,
    "arrow_function": "method",
    "function_expression": "method",
    "generator_function": "method",
}

_JAVASCRIPT = Grammar(
    rules={
        "function_declaration": rule("function"),
        "generator_function_declaration": rule("function"),
        "function_signature": rule("function"),
        "class_declaration": rule("class"),
        "abstract_class_declaration": rule("class"),
        "interface_declaration": rule("interface"),
        "enum_declaration": rule("enum"),
        "type_alias_declaration": rule("type"),
        "internal_module": rule("namespace"),
        "module": rule("namespace"),
        "method_definition": rule("method"),
        "method_signature": rule("method"),
        "abstract_method_signature": rule("method"),
        "field_definition": rule("variable", "property", refine=_METHODS, of_object=True),
        "public_field_definition": rule("variable", refine=_METHODS, of_object=True),
        "variable_declarator": rule("variable", "name:identifier", refine=_FUNCTIONS),
        # `module.exports` says nothing: the function's own name does.
        "assignment_expression": rule(
            None, "left", "right/name", "right/right/name", default="module.exports", at="right", refine=_FUNCTIONS
        ),
        # export default class {}
        "export_statement": rule(None, ":none", default="default", at="value", refine={"class": "class"}),
        "pair": rule(None, "key", refine=_FUNCTIONS),
        "call_expression": rule(
            None,
            "arguments/:string,template_string",
            head="function",
            heads={"describe": "test", "it": "test", "test": "test", "suite": "test"},
        ),
    },
    wraps=types(
        "export_statement lexical_declaration variable_declaration expression_statement",
        "ambient_declaration",
    ),
    groups=types("class"),
    bodies=types("arguments arrow_function function_expression object"),
    leads=types("decorator"),
    trim=re.compile(
        r"\.prototype\b|^(?:module\.)?exports$|^(?:module\.)?exports\.|^(?:window|globalThis|self|this)\.|^#"
    ),
)

GRAMMARS = {"javascript": _JAVASCRIPT, "typescript": _JAVASCRIPT, "tsx": _JAVASCRIPT}
