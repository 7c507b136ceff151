"""Python, Ruby, PHP, Lua, R, Julia, MATLAB, GDScript, Starlark, Vim script."""

import re

from pgdex.indexer.chunking.grammar import Grammar, rule, types

_PYTHON = Grammar(
    rules={
        "function_definition": rule("function"),
        "class_definition": rule("class"),
        "type_alias_statement": rule("type", "left"),
        "assignment": rule("variable", "left:identifier"),
    },
    wraps=types("decorated_definition expression_statement"),
    groups=types(
        "if_statement elif_clause else_clause try_statement except_clause finally_clause",
        "with_statement",
    ),
)

_TESTS = dict.fromkeys(("describe", "context", "it", "test", "specify", "feature", "scenario"), "test")

_RUBY = Grammar(
    rules={
        "module": rule("namespace"),
        "class": rule("class"),
        "method": rule("function"),
        "singleton_method": rule("function"),
        "assignment": rule("variable", "left:constant"),
        "call": rule(
            None,
            "arguments/:string/:string_content",
            "arguments/#0",
            head="method",
            heads={**dict.fromkeys(_TESTS, "test"), "namespace": "namespace", "task": "function"},
            needs="block",
            # private def hidden; memoize def costly
            otherwise=rule("function", "arguments/#0:method,singleton_method/name"),
        ),
        # def later; end if RUBY_VERSION > "3"
        **dict.fromkeys(("if_modifier", "unless_modifier"), rule("function", "body:method,singleton_method/name")),
    },
    groups=types("singleton_class if unless then else elsif begin"),
    bodies=types("do_block"),
)

_PHP = Grammar(
    rules={
        "class_declaration": rule("class"),
        "trait_declaration": rule("class"),
        "interface_declaration": rule("interface"),
        "enum_declaration": rule("enum"),
        "function_definition": rule("function"),
        "method_declaration": rule("method"),
        "namespace_definition": rule("namespace", needs="body", qualifies=False, reopens=""),
        "const_element": rule("variable", ":name"),
        "property_element": rule("variable"),
    },
    wraps=types("const_declaration property_declaration"),
    groups=types("if_statement"),
    leads=types("attribute_list"),
)

_LUA = Grammar(
    rules={
        "function_declaration": rule("function"),
        "assignment_statement": rule(
            "variable",
            ":variable_list/name",
            at=":expression_list",
            refine={"function_definition": "function"},
        ),
        "type_definition": rule("type", ":identifier"),
    },
    wraps=types("variable_declaration"),
    pattern=re.compile(r"[\w.:]+"),
    separators=re.compile(":"),
)

_R = Grammar(
    rules={
        "binary_operator": rule(
            None,
            "lhs:identifier,string",
            head="operator",
            heads={"<-": "variable", "=": "variable", "<<-": "variable"},
            at="rhs",
            refine={"function_definition": "function"},
        ),
        "call": rule(
            None,
            "arguments/:argument/value:string",
            head="function",
            heads={
                "setClass": "class",
                "setRefClass": "class",
                "setGeneric": "function",
                "setMethod": "method",
                "test_that": "test",
                "describe": "test",
            },
        ),
    },
)

_CALL = ":call_expression/#0"

_JULIA = Grammar(
    rules={
        "module_definition": rule("namespace"),
        "struct_definition": rule("struct", ":type_head"),
        "abstract_definition": rule("interface", ":type_head"),
        "primitive_definition": rule("type", ":type_head"),
        "function_definition": rule(
            "function",
            f":signature/{_CALL}",
            f":signature/:where_expression/{_CALL}",
            f":signature/:typed_expression/{_CALL}",
            f":signature/:where_expression/:typed_expression/{_CALL}",
            ":signature",
        ),
        "macro_definition": rule("macro", f":signature/{_CALL}", ":signature"),
        "assignment": rule(
            "variable",
            "#0:call_expression/#0",
            f"#0:where_expression/{_CALL}",
            f"#0:typed_expression/{_CALL}",
            "#0:identifier",
            at="#0",
            refine={
                "call_expression": "function",
                "where_expression": "function",
                "typed_expression": "function",
            },
        ),
    },
    wraps=types("const_statement macrocall_expression"),
    groups=types("if_statement"),
    leads=types("string_literal"),
    pattern=re.compile(r"[^\s(){}<]+"),
)

_MATLAB = Grammar(
    rules={
        "function_definition": rule("function"),
        "class_definition": rule("class"),
    },
    bodies=types("methods properties"),
)

_GDSCRIPT = Grammar(
    rules={
        "function_definition": rule("function"),
        "constructor_definition": rule("method", ":none", default="_init"),
        "class_definition": rule("class"),
        "enum_definition": rule("enum"),
        "signal_statement": rule("type"),
        "const_statement": rule("variable"),
        "variable_statement": rule("variable"),
    },
    leads=types("annotation annotations"),
)

_STARLARK = Grammar(
    rules={
        "function_definition": rule("function"),
        "assignment": rule("variable", "left:identifier"),
        # A build target: cc_library(name = "parser", …).
        "call": rule("resource", "arguments/:keyword_argument/value:string"),
    },
    wraps=types("expression_statement"),
)

_VIM = Grammar(
    rules={
        "function_definition": rule("function", ":function_declaration/name"),
        "command_statement": rule("function", "name"),
        "let_statement": rule("variable", "#0:scoped_identifier,identifier"),
    },
    groups=types("if_statement augroup_statement"),
)

GRAMMARS = {
    "python": _PYTHON,
    "ruby": _RUBY,
    "php": _PHP,
    "lua": _LUA,
    "luau": _LUA,
    "r": _R,
    "julia": _JULIA,
    "matlab": _MATLAB,
    "gdscript": _GDSCRIPT,
    "starlark": _STARLARK,
    "vim": _VIM,
}
