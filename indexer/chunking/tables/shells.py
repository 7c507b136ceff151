"""Shells and build files: Bash, fish, PowerShell, Make, CMake."""

from pgdex.indexer.chunking.grammar import Grammar, rule, types

_BASH = Grammar(
    rules={
        "function_definition": rule("function"),
        "variable_assignment": rule("variable"),
    },
    wraps=types("declaration_command"),
    groups=types("if_statement"),
)

_FISH = Grammar(rules={"function_definition": rule("function")})

_POWERSHELL = Grammar(
    rules={
        "function_statement": rule("function", ":function_name"),
        "class_statement": rule("class", ":simple_name"),
        "class_method_definition": rule("method", ":simple_name"),
        "class_property_definition": rule("variable", ":variable"),
        "enum_statement": rule("enum", ":simple_name"),
        "assignment_expression": rule("variable", ":left_assignment_expression"),
    },
    wraps=types("pipeline"),
    bodies=types("script_block"),
)

_MAKE = Grammar(
    rules={
        "rule": rule("rule", ":targets"),
        "variable_assignment": rule("variable"),
        "define_directive": rule("macro"),
    },
    groups=types("conditional"),
)

_CMAKE = Grammar(
    rules={
        "function_def": rule("function", ":function_command/:argument_list/#0"),
        "macro_def": rule("macro", ":macro_command/:argument_list/#0"),
        "normal_command": rule(
            None,
            ":argument_list/#0",
            head=":identifier",
            heads={
                "add_library": "resource",
                "add_executable": "resource",
                "add_custom_target": "resource",
                "set": "variable",
                "option": "variable",
            },
        ),
    },
    groups=types("if_condition"),
)

GRAMMARS = {
    "bash": _BASH,
    "fish": _FISH,
    "powershell": _POWERSHELL,
    "make": _MAKE,
    "cmake": _CMAKE,
}
