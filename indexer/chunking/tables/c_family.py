"""C, C++, CUDA, GLSL, Objective-C, D."""

import re

from pgdex.indexer.chunking.c_declarations import (
    body_holder,
    declaration_names,
    function_names,
    tag_names,
    typedef_names,
)
from pgdex.indexer.chunking.grammar import Grammar, rule, types

_C_RULES = {
    "function_definition": rule("function", declares=function_names, members=body_holder),
    # Prototypes, fields and variables look alike: only the declarator tells a function.
    "declaration": rule("variable", declares=declaration_names, members=body_holder),
    "field_declaration": rule("struct", declares=tag_names, members=body_holder),
    "struct_specifier": rule("struct", needs="body"),
    "union_specifier": rule("struct", needs="body"),
    "enum_specifier": rule("enum", needs="body"),
    "enumerator": rule("variable"),
    "type_definition": rule("type", declares=typedef_names, members=body_holder),
    "preproc_def": rule("macro"),
    "preproc_function_def": rule("macro"),
}

_CPP_RULES = {
    **_C_RULES,
    "namespace_definition": rule("namespace", needs="body", reopens=""),
    "class_specifier": rule("class", needs="body"),
    "field_declaration": rule("variable", declares=declaration_names, members=body_holder),
    "alias_declaration": rule("type"),
    "concept_definition": rule("type"),
}

_GROUPS = types(
    "preproc_if preproc_ifdef preproc_else preproc_elif preproc_elifdef linkage_specification",
    # Without a name of their own: those inside count.
    "declaration field_declaration type_definition struct_specifier union_specifier enum_specifier",
)

# The name in "(*callback)", "operator bool() const", "operator const char*()", "Shop::~Shop".
_NAME = re.compile(
    r"[~\w:]*\boperator\s*(?:\(\)|\[\]|[^\s\w(]+|\s[\w:]+(?:[ \w:]*\w)?(?:\[\]|\s?[*&]+)?)"
    r"|~?[A-Za-z_$][\w$]*(?:::~?\w+)*"
)

# Not "->", which is an operator's name.
_SEPARATOR = re.compile("::")
# What no definition is named: the grammar took a macro before it for a type.
_KEYWORDS = re.compile(
    r"\A(?:namespace|class|struct|union|enum|template|typename|using|operator|if|else|for|while|do|switch|case|return|"
    r"static|inline|extern|const|void|bool|char|short|int|long|float|double|signed|unsigned|public|private|protected)\Z"
)

_C = Grammar(rules=_C_RULES, groups=_GROUPS, pattern=_NAME, refuse=_KEYWORDS, separators=_SEPARATOR)
_CPP = Grammar(
    rules=_CPP_RULES,
    wraps=types("template_declaration"),
    groups=_GROUPS | types("namespace_definition export_declaration friend_declaration class_specifier"),
    leads=types("access_specifier attribute_declaration"),
    pattern=_NAME,
    refuse=_KEYWORDS,
    separators=_SEPARATOR,
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
    refuse=_KEYWORDS,
    separators=_SEPARATOR,
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
