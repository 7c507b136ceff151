"""Java, Kotlin, Scala, C#, F#, Dart."""

import re

from pgdex.indexer.chunking.grammar import Grammar, rule, types

_JAVA = Grammar(
    rules={
        "class_declaration": rule("class"),
        "record_declaration": rule("struct"),
        "interface_declaration": rule("interface"),
        "annotation_type_declaration": rule("interface"),
        "enum_declaration": rule("enum"),
        "method_declaration": rule("method"),
        "constructor_declaration": rule("method"),
        "compact_constructor_declaration": rule("method"),
        "annotation_type_element_declaration": rule("method"),
        "field_declaration": rule("variable", "declarator/name", of_object=True),
        "constant_declaration": rule("variable", "declarator/name"),
    },
)

_KOTLIN = Grammar(
    rules={
        "class_declaration": rule("class", ":type_identifier", refine={"interface": "interface", "enum": "enum"}),
        "object_declaration": rule("class", ":type_identifier"),
        "companion_object": rule("class", ":type_identifier", default="Companion"),
        "function_declaration": rule("function", ":simple_identifier"),
        "secondary_constructor": rule("method", ":none", default="constructor"),
        "property_declaration": rule("variable", ":variable_declaration/:simple_identifier"),
        "type_alias": rule("type", ":type_identifier"),
    },
)

_SCALA = Grammar(
    rules={
        "class_definition": rule("class"),
        "object_definition": rule("class"),
        "package_object": rule("class"),
        "trait_definition": rule("interface"),
        "enum_definition": rule("enum"),
        "function_definition": rule("function"),
        "function_declaration": rule("function"),
        "given_definition": rule("variable"),
        "type_definition": rule("type"),
        "val_definition": rule("variable", "pattern:identifier"),
        "val_declaration": rule("variable"),
        "var_definition": rule("variable", "pattern:identifier"),
    },
    groups=types("extension_definition package_clause"),
    bodies=types("template_body"),
)

_CSHARP = Grammar(
    rules={
        "namespace_declaration": rule("namespace", qualifies=False, reopens=""),
        "class_declaration": rule("class"),
        "struct_declaration": rule("struct"),
        "record_declaration": rule("struct"),
        "interface_declaration": rule("interface"),
        "enum_declaration": rule("enum"),
        "delegate_declaration": rule("type"),
        "method_declaration": rule("method"),
        "constructor_declaration": rule("method"),
        "destructor_declaration": rule("method"),
        "local_function_statement": rule("function"),
        "operator_declaration": rule("method", "operator"),
        "indexer_declaration": rule("method", ":none", default="this"),
        "property_declaration": rule("variable"),
        "field_declaration": rule("variable", ":variable_declaration/:variable_declarator/name", of_object=True),
        "event_field_declaration": rule("variable", ":variable_declaration/:variable_declarator/name"),
    },
    wraps=types("global_statement"),
    groups=types("preproc_if preproc_elif preproc_else preproc_region"),
    leads=types("preproc_region"),
)

_FSHARP = Grammar(
    rules={
        "named_module": rule("namespace"),
        "module_defn": rule("namespace", ":identifier"),
        "namespace": rule("namespace"),
        "function_or_value_defn": rule(
            "variable",
            ":function_declaration_left,value_declaration_left",
            refine={"function_declaration_left": "function"},
        ),
        "member_defn": rule("method", ":method_or_prop_defn/name/method", ":method_or_prop_defn/name"),
        "union_type_defn": rule("enum", ":type_name"),
        "enum_type_defn": rule("enum", ":type_name"),
        "record_type_defn": rule("struct", ":type_name"),
        "anon_type_defn": rule("class", ":type_name"),
        "class_type_defn": rule("class", ":type_name"),
        "interface_type_defn": rule("interface", ":type_name"),
        "type_abbrev_defn": rule("type", ":type_name"),
    },
    wraps=types("declaration_expression type_definition"),
    groups=types("type_extension_elements"),
    bodies=types("type_extension_elements"),
    pattern=re.compile(r"[\w.']+|\([^)]+\)|``[^`]+``"),
)

_DART = Grammar(
    rules={
        "class_definition": rule("class"),
        "mixin_declaration": rule("class", ":identifier"),
        "extension_declaration": rule("class"),
        "enum_declaration": rule("enum"),
        "type_alias": rule("type", ":type_identifier"),
        "function_signature": rule("function"),
        "getter_signature": rule("function"),
        "setter_signature": rule("function"),
        "operator_signature": rule("method", ":binary_operator,tilde_operator", default="operator"),
        "constructor_signature": rule("method"),
        "constant_constructor_signature": rule("method", ":identifier"),
        "factory_constructor_signature": rule("method", ":identifier"),
        "static_final_declaration": rule("variable", ":identifier"),
        "initialized_identifier": rule("variable", ":identifier"),
    },
    wraps=types("method_signature declaration static_final_declaration_list initialized_identifier_list"),
    bodies=types("extension_body"),
    leads=types("annotation const_builtin final_builtin"),
    follows=types("function_body"),
)

GRAMMARS = {
    "java": _JAVA,
    "kotlin": _KOTLIN,
    "scala": _SCALA,
    "csharp": _CSHARP,
    "fsharp": _FSHARP,
    "dart": _DART,
}
