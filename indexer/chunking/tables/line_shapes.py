"""What lines look like that define a name, by grammar; see `line_definitions`."""

from collections.abc import Mapping

from pgdex.indexer.chunking.line_shape import LineShape, keyword_shape, shape

_JS_NAME = r"([A-Za-z_$][\w$]*+)"
_JS_FUNCTIONS = "arrow_function function_expression generator_function class"
_JS_NAMED = (
    "function_declaration generator_function_declaration function_expression generator_function function_signature"
)
_JS_VALUES = "variable_declarator assignment_expression pair field_definition public_field_definition"
_JS_MODIFIERS = r"(?:(?:async|get|set|static|public|private|protected|override|abstract|readonly)[ \t]++)*+\*?#?"
# The name at the end of what stands before a value, read backwards; of `module.exports` it would say nothing.
_JS_BACKWARDS = r"[ \t]*+[\"'\]]?(?!stropxe\.eludom)((?<=[\"'])[\w$.:/-]++|[\w$]++)"
# The same with its type: `const handle: Handler<Event> =`.
_JS_TYPED_BACKWARDS = rf"[^\n=;:]{{1,100}}+:([\w$]++)[ \t]++(?:tsnoc|tel)\b|{_JS_BACKWARDS}"
# An arrow function may begin on this line and show its arrow on a later one.
_JS_VALUE = r"async\b|function\b|class\b|[\w$]++[ \t]*+=>|[(<](?=[^\n]{0,200}"
_JS_ASSIGNED = rf"{_JS_VALUE}(?:=>|[(,{{]\n))"
# What ends with a semicolon is a type, unless a brace closes an object before that.
_JS_PAIRED = rf"{_JS_VALUE}(?:=>(?![^\n}}]{{0,200}};\n)|[(,{{]\n))"
_JS_NO_METHOD = r"(?!(?:if|for|while|switch|catch|with|function|return|await)\b)"
_JS_PARAMETERS = r"\([^()]{0,400}+(?:\([^()]{0,200}+\)[^()]{0,200}+){0,8}+\)"

_JAVASCRIPT = (
    shape(
        rf"function(?<![\w.$]function)\b[ \t]*+\*?[ \t]*+{_JS_NAME}[ \t]*+[(<]",
        _JS_NAMED,
        needs="function",
    ),
    keyword_shape(
        "class",
        rf"{_JS_NAME}\s*+(?:[{{<]|extends\b|implements\b)",
        "class_declaration abstract_class_declaration class",
    ),
    # this.handle = async function …, const handle =⏎
    shape(
        rf"=[ \t]*+(?:{_JS_ASSIGNED}|\n)",
        _JS_VALUES,
        holds=_JS_FUNCTIONS,
        backwards=_JS_TYPED_BACKWARDS,
        sure=False,
    ),
    # { handle: (event) => …, "handle": function …
    shape(
        rf":[ \t]*+(?:{_JS_PAIRED})",
        _JS_VALUES,
        holds=_JS_FUNCTIONS,
        backwards=_JS_BACKWARDS,
        sure=False,
    ),
    # Methods of object literals, one to a line and several on one.
    shape(
        rf"\n[ \t]++{_JS_MODIFIERS}{_JS_NO_METHOD}{_JS_NAME}(?:<[^\n(]{{0,200}}>)?"
        rf"{_JS_PARAMETERS}[ \t]*+(?::[^\n{{]{{0,200}}+)?\{{",
        "method_definition",
        sure=False,
    ),
    *(
        shape(rf"{sign} {_JS_NO_METHOD}{_JS_NAME}\([^\n()]{{0,200}}+\) \{{", "method_definition", sure=False)
        for sign in (",", r"\{")
    ),
    # What a name of another module stands for is defined there. Built files give their exports names of one or two
    # letters.
    shape(
        r"export(?<![^\n]export)[ \t]*+\{([^{}]*+)\}",
        "",
        needs="export {",
        members=r"(?<!default )\bas[ \t]+([A-Za-z_$][\w$]{2,})",
        sure=False,
    ),
    # A constant at the margin.
    shape(
        rf"\n(?:export[ \t]++)?const[ \t]++{_JS_NAME}[ \t]*+[:=]",
        "variable_declarator",
        needs="const ",
        on_errors=True,
    ),
    # What another module defines is passed on by its own name, or by the name that its default gets.
    shape(
        r"export(?<![^\n]export)[ \t]*+(?:type[ \t]*+)?\{([^{}]*+)\}[ \t]*+from\b",
        "export_specifier",
        needs="export",
        members=r"(?<=[{,])\s*+(?:type[ \t]++)?(?:default[ \t]++as[ \t]++)?([A-Za-z_$][\w$]{2,})\s*+(?=,|\Z)",
        sure=False,
        declares=True,
    ),
    shape(
        rf"export(?<![^\n]export)[ \t]++\*[ \t]++as[ \t]++{_JS_NAME}",
        "namespace_export",
        needs="export",
        sure=False,
        declares=True,
    ),
)

_COMMON_JS = (
    shape(
        rf"exports\.{_JS_NAME}[ \t]*+=[ \t]*+(?!=|require\b|void\b|[A-Za-z_$][\w$.]*+[ \t]*+;?$)",
        "assignment_expression",
        needs="exports.",
    ),
)

_TYPESCRIPT = (
    *_JAVASCRIPT,
    keyword_shape("interface", _JS_NAME, "interface_declaration", on_errors=True),
    keyword_shape("enum", _JS_NAME, "enum_declaration", on_errors=True),
    keyword_shape("namespace", _JS_NAME, "internal_module module", on_errors=True),
    keyword_shape("type", rf"{_JS_NAME}[ \t]*+[=<]", "type_alias_declaration", on_errors=True),
)

_RUBY_SYMBOLS = r"[ \t(]++((?::@{0,2}\w++[?!]?(?:,\s*+)?)++)"
_RUBY_SYMBOL = r"[ \t(]++[:\"'](\w++[?!]?)"

_RUBY = (
    keyword_shape("def", r"(?:self\.)?(\w++[?!]?)", "method singleton_method"),
    keyword_shape("alias", r":?([A-Za-z_]\w*+[?!]?)", "alias"),
    keyword_shape("class", r"(?:[A-Z]\w*+::)*+([A-Z]\w*+)", "class", on_errors=True),
    keyword_shape("module", r"(?:[A-Z]\w*+::)*+([A-Z]\w*+)", "module", on_errors=True),
    *(
        shape(rf"{word}{_RUBY_SYMBOLS}", "argument_list", members=r":(\w++[?!]?)", needs=needs)
        for word, needs in (
            ("attr_(?:accessor|reader|writer)", "attr_"),
            ("class_attribute", "class_attribute"),
            ("delegate", "delegate"),
            # The first is the object that they are passed to.
            (r"def_delegators[ \t(]++:@{0,2}\w++,", "def_delegators"),
        )
    ),
    *(
        shape(rf"{word}{_RUBY_SYMBOL}", "argument_list", needs=needs)
        for word, needs in (
            ("define_(?:singleton_)?method", "define_"),
            ("alias_method", "alias_method"),
            ("scope", "scope"),
            (r"def_delegator[ \t(]++[^,\n]{1,80}+,[^,\n]{1,80}+,", "def_delegator"),
        )
    ),
)

_CSHARP_MODIFIERS = (
    r"(?:(?:public|private|protected|internal|static|virtual|override|abstract|sealed|async|extern|unsafe|new|partial"
    r"|readonly|implicit|explicit)[ \t]++)++"
)
_CSHARP_TYPE = r"[\w.]++(?:<[^\n(]{0,120}>)?[\[\],?*]*[ \t]++"
_CSHARP = (
    shape(r"(~\w++)[ \t]*+\(\)", "destructor_declaration", needs="~", sure=False),
    keyword_shape("namespace", r"([\w.]++)", "namespace_declaration", on_errors=True),
    *(
        keyword_shape(word, r"([A-Za-z_]\w*+)", f"{word}_declaration record_declaration", on_errors=True)
        for word in ("class", "struct", "interface", "enum", "record")
    ),
    shape(
        rf"\n[ \t]*+{_CSHARP_MODIFIERS}(?:{_CSHARP_TYPE})?([A-Za-z_]\w*+)(?:<[^\n(]{{0,120}}>)?[ \t]*+\(",
        "method_declaration constructor_declaration local_function_statement",
        on_errors=True,
    ),
    shape(
        rf"\n[ \t]*+{_CSHARP_MODIFIERS}{_CSHARP_TYPE}([A-Za-z_]\w*+)\s*+(?:\{{|=>)",
        "property_declaration",
        on_errors=True,
    ),
)

_ELIXIR_NAME = r"[ \t(]++([a-z_]\w*+[?!]?)"
_ELIXIR = (
    shape(
        rf"def(?:p|macrop?|guardp?|delegate)?{_ELIXIR_NAME}",
        "arguments call binary_operator",
        needs="def",
    ),
    shape(r"def(?:module|protocol)[ \t]++((?:[A-Z]\w*+\.?)++)", "arguments", needs="def"),
    shape(rf"@(?:macro)?callback{_ELIXIR_NAME}", "call binary_operator", needs="callback"),
    shape(rf"@(?:typep?|opaque){_ELIXIR_NAME}", "call binary_operator arguments", needs="@"),
)

_PHP = (
    keyword_shape("function", r"&?(\w++)[ \t]*+\(", "method_declaration function_definition"),
    shape(r"define\([ \t]*+[\"'](\w++)", "argument", needs="define("),
    shape(r"\n[ \t]++case[ \t]++(\w++)[ \t]*+[=;]", "enum_case", needs="enum ", sure=False),
    *(
        keyword_shape(word, r"(\w++)", f"{word}_declaration", on_errors=True)
        for word in ("class", "interface", "trait", "enum")
    ),
)

_SWIFT = (
    keyword_shape("func", r"(\w++)", "function_declaration protocol_function_declaration"),
    shape(
        r"\n[ \t]*+(?:indirect[ \t]++)?case[ \t]++(\w[^\n]*)",
        "enum_entry",
        needs="enum ",
        members=r"\b([A-Za-z_]\w*+)",
        sure=False,
    ),
    keyword_shape("class", r"(?!func\b|var\b)(\w++)", "class_declaration"),
    keyword_shape("struct", r"(\w++)", "class_declaration"),
    *(
        keyword_shape(word, r"(\w++)", "class_declaration protocol_declaration typealias_declaration", on_errors=True)
        for word in ("enum", "actor", "protocol", "typealias")
    ),
)

_SCALA = (
    keyword_shape("def", r"(\w++)", "function_definition function_declaration"),
    shape(
        r"\n[ \t]++case[ \t]++([A-Z][^\n]*)",
        "simple_enum_case full_enum_case",
        needs="enum ",
        members=r"\b([A-Z]\w*+)",
        sure=False,
    ),
    *(keyword_shape(word, r"(\w++)", f"{word}_definition") for word in ("class", "object", "trait")),
    keyword_shape("enum", r"(\w++)", "enum_definition", on_errors=True),
)

# What may follow a class's name; `to` in `Name::class to 1` may not.
_KOTLIN_NAME = r"(\w++)[ \t]*+(?:[<({:@\n]|private\b|internal\b|constructor\b)"
_KOTLIN = (
    keyword_shape(
        "fun", r"(?:<[^\n]{0,120}?>[ \t]*+)?(?:[\w<>?*, ]{1,80}+\.)*+(\w++)[ \t]*+\(", "function_declaration"
    ),
    keyword_shape("class", _KOTLIN_NAME, "class_declaration"),
    keyword_shape("interface", _KOTLIN_NAME, "class_declaration", on_errors=True),
    keyword_shape("object", _KOTLIN_NAME, "object_declaration companion_object", on_errors=True),
    keyword_shape("typealias", r"(\w++)", "type_alias", on_errors=True),
)

_BASH = (
    keyword_shape(
        "alias",
        r"((?:-\w++[ \t]++)?[\w.:-]++=[^\n]*)",
        "command concatenation",
        members=r"(?<![^ \t])([\w.:-]++)=",
    ),
    keyword_shape("function", r"([\w.:-]++)", "function_definition", on_errors=True),
    # Inside of others as well, and behind `command -v name ||`.
    shape(r"(?:\n|\|\||&&)[ \t]*+([\w.:-]++)[ \t]*+\(\)", "function_definition", needs="()"),
    # At the margin, with its brace.
    shape(
        r"\n([\w.:-]++)[ \t]*+\(\)\s*+[{(]",
        "function_definition",
        needs="()",
        on_errors=True,
        plain=True,
    ),
)

_PYTHON = (
    keyword_shape("def", r"(\w++)[ \t]*+[(\[]", "function_definition"),
    keyword_shape("class", r"(\w++)[ \t]*+[(:\[]", "class_definition"),
)

# What is in a macro's braces is tokens to the grammar, and definitions nevertheless.
_RUST = (
    keyword_shape("fn", r"(\w++)[ \t]*+[(<]", "function_item function_signature_item token_tree"),
    keyword_shape("struct", r"(\w++)\s*+(?:[{(;<]|where\b)", "struct_item token_tree"),
    keyword_shape("enum", r"(\w++)\s*+(?:[{<]|where\b)", "enum_item token_tree"),
    keyword_shape("trait", r"(\w++)\s*+(?:[{<:]|where\b)", "trait_item token_tree"),
    keyword_shape("type", r"(\w++)[ \t]*+[=;:<]", "type_item associated_type token_tree"),
    shape(r"macro_rules![ \t]++(\w++)", "macro_definition token_tree", needs="macro_rules!"),
    # pub use inner::{Thing, other as Other};
    shape(
        r"pub(?<![\w.]pub)(?:\([^()\n]{1,40}\))?[ \t]++use[ \t]++([^;]{1,2000}+);",
        "use_declaration scoped_identifier use_list use_as_clause",
        needs="use ",
        members=r"\b(?!self\b)([A-Za-z_]\w*+)\s*+(?=[,}]|\Z)",
        sure=False,
        declares=True,
    ),
)

_GO = (
    shape(r"\n[ \t]++type[ \t]++(\w++)", "type_spec type_alias", needs="\ttype "),
    keyword_shape(
        "func",
        r"(?:\([^()\n]{0,120}+\)[ \t]*+)?(\w++)[ \t]*+[(\[]",
        "function_declaration method_declaration",
        on_errors=True,
    ),
)

_JAVA = (
    *(
        keyword_shape(word, r"(\w++)", f"{node}_declaration")
        for word, node in (
            ("class", "class"),
            ("@interface", "annotation_type"),
            ("interface", "interface"),
            ("enum", "enum"),
            ("record", "record"),
        )
    ),
    # Those of anonymous classes.
    shape(
        r"\n[ \t]++(?:(?:public|private|protected|static|final|abstract|synchronized|native|default)[ \t]++)++"
        r"(?:<[^\n(]{0,120}>[ \t]*+)?(?:[\w.]++(?:<[^\n(]{0,120}>)?[\[\]]*[ \t]++)?(\w++)[ \t]*+\(",
        "method_declaration constructor_declaration",
    ),
)

_LUA_PARENTS = "function_declaration dot_index_expression method_index_expression"
_LUA = (
    keyword_shape("function", r"(?:\w++[.:])*+(\w++)[ \t]*+\(", _LUA_PARENTS),
    # session.send = function(…), { get = function(…), ["get"] = function(…)
    shape(
        r"=[ \t]*+function\b[ \t]*+\(",
        f"{_LUA_PARENTS} variable_list field",
        backwards=r"[ \t]*+(?:\][\"']|[\"']\])?(\w++)",
        needs="function",
        sure=False,
    ),
)

# Macros stand anywhere: in functions, between the values of an array, in an argument list.
_C = (shape(r"#[ \t]*+define[ \t]++([A-Za-z_]\w*+)", "preproc_def preproc_function_def", needs="define"),)

LINE_SHAPES: Mapping[str, tuple[LineShape, ...]] = {
    "c": _C,
    "cpp": _C,
    "cuda": _C,
    "objc": _C,
    "javascript": (*_JAVASCRIPT, *_COMMON_JS),
    "typescript": _TYPESCRIPT,
    "tsx": _TYPESCRIPT,
    "ruby": _RUBY,
    "csharp": _CSHARP,
    "elixir": _ELIXIR,
    "php": _PHP,
    "swift": _SWIFT,
    "scala": _SCALA,
    "kotlin": _KOTLIN,
    "bash": _BASH,
    "python": _PYTHON,
    "rust": _RUST,
    "go": _GO,
    "java": _JAVA,
    "lua": _LUA,
    "luau": _LUA,
}
"""By grammar; one that is not here has only the names that its rules find."""
