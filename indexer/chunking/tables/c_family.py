"""C, C++, CUDA, GLSL, Objective-C, D."""

import re

from pgdex.indexer.chunking.grammar import Grammar, rule, types

# Prototypes, fields and variables look alike: only the declarator tells a function.
_DECLARATION = rule(
    "variable",
    "declarator*",
    at="declarator",
    refine={"function_declarator": "function"},
)

_C_RULES = {
    "function_definition": rule("function", "declarator*"),
    "declaration": _DECLARATION,
    "struct_specifier": rule("struct", needs="body"),
    "union_specifier": rule("struct", needs="body"),
    "enum_specifier": rule("enum", needs="body"),
    "type_definition": rule(
        "type",
        "declarator*",
        at="type",
        refine={
            "struct_specifier": "struct",
            "union_specifier": "struct",
            "enum_specifier": "enum",
        },
    ),
    "preproc_def": rule("macro"),
    "preproc_function_def": rule("macro"),
}

_CPP_RULES = {
    **_C_RULES,
    "namespace_definition": rule("namespace", needs="body"),
    "class_specifier": rule("class", needs="body"),
    "field_declaration": _DECLARATION,
    "alias_declaration": rule("type"),
    "concept_definition": rule("type"),
}

_GROUPS = types(
    "preproc_if preproc_ifdef preproc_else preproc_elif preproc_elifdef linkage_specification",
)

# The name in "(*callback)", "operator bool() const", "Shop::~Shop".
_NAME = re.compile(r"[~\w:]*operator\s*(?:\(\)|\[\]|[^\s\w(]+|\s[\w:]+)|~?[A-Za-z_$][\w$]*(?:::~?\w+)*")

_C = Grammar(rules=_C_RULES, groups=_GROUPS, pattern=_NAME)
_CPP = Grammar(
    rules=_CPP_RULES,
    wraps=types("template_declaration"),
    groups=_GROUPS | types("namespace_definition export_declaration"),
    leads=types("access_specifier attribute_declaration"),
    pattern=_NAME,
)

_OBJC = Grammar(
    rules={
        **_C_RULES,
        "class_interface": rule("class", ":identifier"),
        "class_implementation": rule("class", ":identifier"),
        "protocol_declaration": rule("interface", ":identifier"),
        "category_interface": rule("class", ":identifier"),
        "category_implementation": rule("class", ":identifier"),
        "method_declaration": rule("method", ":identifier", selector=True),
        "method_definition": rule("method", ":identifier", selector=True),
        "property_declaration": rule("variable", ":struct_declaration/:struct_declarator", ":struct_declaration/#1"),
    },
    wraps=types("implementation_definition"),
    groups=_GROUPS,
    pattern=_NAME,
)

_D = Grammar(
    rules={
        "class_declaration": rule("class", ":identifier"),
        "struct_declaration": rule("struct", ":identifier"),
        "union_declaration": rule("struct", ":identifier"),
        "interface_declaration": rule("interface", ":identifier"),
        "enum_declaration": rule("enum", ":identifier"),
        "template_declaration": rule("namespace", ":identifier"),
        "mixin_template_declaration": rule("namespace", ":template_declaration/:identifier"),
        "function_declaration": rule("function", ":identifier"),
        "constructor": rule("method", default="this"),
        "destructor": rule("method", default="~this"),
        "unittest_declaration": rule("test", default="unittest"),
        "alias_declaration": rule("type", ":alias_initializer/:identifier"),
        "variable_declaration": rule("variable", ":declarator/:identifier", ":identifier"),
    },
    groups=types("attribute_specifier conditional_declaration version_condition"),
    bodies=types("module_def"),
)

GRAMMARS = {"c": _C, "cpp": _CPP, "cuda": _CPP, "glsl": _C, "objc": _OBJC, "d": _D}
