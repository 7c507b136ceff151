"""Interface and configuration languages: Protocol Buffers, GraphQL, Thrift, Prisma, HCL, Bicep."""

import re

from pgdex.indexer.chunking.grammar import Grammar, rule, types

_PROTO = Grammar(
    rules={
        "message": rule("struct", ":message_name"),
        "enum": rule("enum", ":enum_name"),
        "service": rule("interface", ":service_name"),
        "rpc": rule("method", ":rpc_name"),
        "extend": rule("struct", ":full_ident"),
    },
)

_GRAPHQL = Grammar(
    rules={
        **dict.fromkeys(
            (
                "object_type_definition",
                "object_type_extension",
                "input_object_type_definition",
                "input_object_type_extension",
            ),
            rule("struct", ":name"),
        ),
        **dict.fromkeys(("interface_type_definition", "interface_type_extension"), rule("interface", ":name")),
        **dict.fromkeys(("enum_type_definition", "enum_type_extension"), rule("enum", ":name")),
        **dict.fromkeys(
            ("union_type_definition", "union_type_extension", "scalar_type_definition"),
            rule("type", ":name"),
        ),
        "directive_definition": rule("macro", ":name"),
        "operation_definition": rule("function", ":name"),
        "fragment_definition": rule("function", ":fragment_name"),
    },
    wraps=types(
        "definition type_system_definition type_system_extension executable_definition",
        "type_definition type_extension",
    ),
    bodies=types("document"),
)

_THRIFT = Grammar(
    rules={
        "struct_definition": rule("struct", "type", ":identifier"),
        "union_definition": rule("struct", "type", ":identifier"),
        "exception_definition": rule("struct", "type", ":identifier"),
        "enum_definition": rule("enum", "type", ":identifier"),
        "service_definition": rule("interface", "type", ":identifier"),
        "function_definition": rule("function", ":identifier"),
        "typedef_definition": rule("type", "type", ":identifier"),
        "const_definition": rule("variable", ":identifier"),
    },
)

_PRISMA = Grammar(
    rules={
        "model_block": rule("struct", ":identifier"),
        "view_block": rule("struct", ":identifier"),
        "type_block": rule("struct", ":identifier"),
        "enum_block": rule("enum", ":identifier"),
        "key_value_block": rule("resource", ":identifier"),
    },
)

# A block is known by its type and labels: resource "aws_instance" "web" → aws_instance.web.
_HCL_BLOCK = re.compile(r"[^{]*")

_HCL = Grammar(
    rules={
        "block": rule("resource", ""),
    },
    bodies=types("body"),
    pattern=_HCL_BLOCK,
    trim=re.compile(r"^resource\s+"),
    separators=re.compile(r"\"\s*\"|\s+\"|\""),
)

_BICEP = Grammar(
    rules={
        "resource_declaration": rule("resource", ":identifier"),
        "module_declaration": rule("resource", ":identifier"),
        "user_defined_function": rule("function"),
        "type_declaration": rule("type", ":identifier"),
        "parameter_declaration": rule("variable", ":identifier"),
        "variable_declaration": rule("variable", ":identifier"),
        "output_declaration": rule("variable", ":identifier"),
    },
    leads=types("decorators decorator"),
)

GRAMMARS = {
    "proto": _PROTO,
    "graphql": _GRAPHQL,
    "thrift": _THRIFT,
    "prisma": _PRISMA,
    "hcl": _HCL,
    "bicep": _BICEP,
}
