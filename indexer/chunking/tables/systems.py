"""Go, Rust, Zig, Swift, V, Nim, Solidity, Verilog, and the older compiled languages."""

import re

from pgdex.indexer.chunking.grammar import Grammar, rule, types

_GO = Grammar(
    rules={
        "function_declaration": rule("function"),
        "method_declaration": rule("method", receiver="receiver/:parameter_declaration/type"),
        "type_spec": rule(
            "type",
            refine={"struct_type": "struct", "interface_type": "interface"},
        ),
        "type_alias": rule("type"),
        "method_elem": rule("method"),
        "const_spec": rule("variable"),
        "var_spec": rule("variable"),
    },
    wraps=types("type_declaration const_declaration var_declaration"),
    bodies=types("interface_type var_spec_list"),
    pattern=re.compile(r"[\w.]+"),
)

_RUST = Grammar(
    rules={
        "function_item": rule("function"),
        "function_signature_item": rule("function"),
        "struct_item": rule("struct"),
        "union_item": rule("struct"),
        "enum_item": rule("enum"),
        "trait_item": rule("interface"),
        "impl_item": rule("class", "type:generic_type/type", "type", reopens="type"),
        "mod_item": rule("namespace", needs="body"),
        "type_item": rule("type"),
        "associated_type": rule("type"),
        "const_item": rule("variable"),
        "static_item": rule("variable"),
        "macro_definition": rule("macro"),
    },
    groups=types("foreign_mod_item"),
    leads=types("attribute_item inner_attribute_item"),
)

_ZIG = Grammar(
    rules={
        "FnProto": rule("function", "function"),
        "VarDecl": rule(
            "variable",
            "variable_type_function",
            at=":ErrorUnionExpr/:SuffixExpr/:ContainerDecl/:ContainerDeclType",
            refine={"struct": "struct", "union": "struct", "enum": "enum", "opaque": "struct"},
        ),
        "TestDecl": rule("test", ":STRINGLITERALSINGLE,IDENTIFIER", default="test"),
    },
    wraps=types("Decl"),
    groups=types("ErrorUnionExpr SuffixExpr ContainerDecl"),
    bodies=types("ContainerDecl"),
)

_SWIFT = Grammar(
    rules={
        "function_declaration": rule("function"),
        "protocol_function_declaration": rule("method"),
        "init_declaration": rule("method", default="init"),
        "deinit_declaration": rule("method", default="deinit"),
        "subscript_declaration": rule("method", default="subscript"),
        # An extension's name is a type: the words of one, not the name of a new one.
        "class_declaration": rule("class", refine={"struct": "struct", "enum": "enum"}, reopens="name:user_type"),
        "protocol_declaration": rule("interface"),
        "typealias_declaration": rule("type"),
        "property_declaration": rule("variable"),
        "macro_declaration": rule("macro"),
    },
    leads=types("attribute"),
)

_V = Grammar(
    rules={
        "function_declaration": rule(
            "function",
            receiver="receiver/:parameter_declaration/type",
        ),
        "struct_declaration": rule("struct"),
        "interface_declaration": rule("interface"),
        "interface_spec": rule("method"),
        "enum_declaration": rule("enum"),
        "type_declaration": rule("type"),
        "const_spec": rule("variable"),
    },
    wraps=types("const_declaration"),
    pattern=re.compile(r"[\w.]+"),
)

_NIM = Grammar(
    rules={
        **dict.fromkeys(
            (
                "proc_declaration",
                "func_declaration",
                "method_declaration",
                "iterator_declaration",
                "converter_declaration",
            ),
            rule("function"),
        ),
        **dict.fromkeys(("template_declaration", "macro_declaration"), rule("macro")),
        "type_declaration": rule(
            "type",
            ":type_symbol_declaration/name",
            refine={
                "object_declaration": "struct",
                "enum_declaration": "enum",
                "concept_declaration": "interface",
            },
        ),
        "variable_declaration": rule("variable", ":symbol_declaration_list"),
    },
    groups=types("when"),
    wraps=types("type_section const_section var_section let_section"),
    pattern=re.compile(r"\w+|`[^`]+`"),
)

_SOLIDITY = Grammar(
    rules={
        "contract_declaration": rule("class"),
        "library_declaration": rule("class"),
        "interface_declaration": rule("interface"),
        "struct_declaration": rule("struct"),
        "enum_declaration": rule("enum"),
        "function_definition": rule("function"),
        "modifier_definition": rule("function"),
        "constructor_definition": rule("method", default="constructor"),
        "fallback_receive_definition": rule("method", default="receive"),
        "event_definition": rule("type"),
        "error_declaration": rule("type"),
        "user_defined_type_definition": rule("type"),
        "state_variable_declaration": rule("variable"),
        "constant_variable_declaration": rule("variable"),
    },
)

_FORTRAN = Grammar(
    rules={
        "module": rule("namespace", ":module_statement/:name"),
        "submodule": rule("namespace", ":submodule_statement/:name"),
        "program": rule("function", ":program_statement/:name"),
        "function": rule("function", ":function_statement/name"),
        "subroutine": rule("function", ":subroutine_statement/name"),
        "derived_type_definition": rule("struct", ":derived_type_statement/:type_name"),
        "interface": rule("interface", ":interface_statement/:name"),
    },
    groups=types("internal_procedures preproc_if preproc_ifdef"),
    bodies=types("internal_procedures"),
)

_PASCAL = Grammar(
    rules={
        "defProc": rule("function", "header/name"),
        "declType": rule("type", refine={"declClass": "class", "declIntf": "interface", "declEnum": "enum"}),
        "declProc": rule("method"),
        "declVar": rule("variable"),
        "declConst": rule("variable"),
    },
    groups=types("program unit library interface implementation declTypes declVars declConsts"),
    bodies=types("program unit library interface implementation declClass declSection"),
)

_ADA = Grammar(
    rules={
        "package_declaration": rule("namespace"),
        "package_body": rule("namespace"),
        "subprogram_body": rule("function", ":procedure_specification,function_specification/name"),
        "subprogram_declaration": rule("function", ":procedure_specification,function_specification/name"),
        "full_type_declaration": rule("type", ":identifier", refine={"record_type_definition": "struct"}),
        "task_body": rule("function", ":identifier"),
    },
    wraps=types("compilation_unit"),
    bodies=types("compilation_unit non_empty_declarative_part"),
)

_VERILOG = Grammar(
    rules={
        "module_declaration": rule(
            "class",
            ":module_header/:simple_identifier",
            ":module_ansi_header,module_nonansi_header/:module_keyword/:simple_identifier",
            ":simple_identifier",
        ),
        "interface_declaration": rule("interface", ":interface_ansi_header/:interface_identifier"),
        "class_declaration": rule("class", ":class_identifier", ":simple_identifier"),
        "function_declaration": rule("function", ":function_body_declaration/:function_identifier"),
        "task_declaration": rule("function", ":task_body_declaration/:task_identifier"),
        "package_declaration": rule("namespace", ":package_identifier"),
    },
    groups=types("description package_or_generate_item_declaration module_or_generate_item"),
)

GRAMMARS = {
    "go": _GO,
    "rust": _RUST,
    "zig": _ZIG,
    "swift": _SWIFT,
    "v": _V,
    "nim": _NIM,
    "solidity": _SOLIDITY,
    "fortran": _FORTRAN,
    "pascal": _PASCAL,
    "ada": _ADA,
    "verilog": _VERILOG,
}
