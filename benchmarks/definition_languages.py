"""The 15 languages of the benchmark of definitions, and the kinds of ctags whose names count.

What people look up by name counts: functions, methods, types, traits, macros, aliases, and constants where the language
has them at the top of a file. Everywhere left out are fields and properties (but C#'s, which are methods to their
users), enumerators, variables and parameters, packages and namespaces (a namespace that many files reopen is no
definition), imports, prototypes, and Rust's `impl` blocks.
"""

import re

from benchmarks.definition_tags import Language

_SHELL = re.compile(r"^#!.*\b(?:bash|sh|dash|ksh)\b|-\*-.*\bshell-script\b.*-\*-")


def _kinds(names: str) -> frozenset[str]:
    return frozenset(names.split())


LANGUAGES = {
    language.name: language
    for language in (
        Language("python", "Python", (".py",), _kinds("class function member variable")),
        Language(
            "javascript",
            "JavaScript",
            (".js", ".mjs", ".cjs", ".jsx"),
            _kinds("class function generator method getter setter constant"),
        ),
        Language(
            "typescript",
            "TypeScript",
            (".ts", ".tsx"),
            _kinds("class function generator method interface alias enum namespace constant"),
        ),
        Language("go", "Go", (".go",), _kinds("func type struct interface talias const var methodSpec")),
        Language(
            "rust",
            "Rust",
            (".rs",),
            _kinds("macro method function enum interface module struct typedef variable"),
        ),
        Language("java", "Java", (".java",), _kinds("annotation class enum interface method field")),
        Language("c", "C", (".c", ".h"), _kinds("function struct union enum typedef macro variable")),
        Language(
            "cpp",
            "C++",
            (".cpp", ".cc", ".cxx", ".c++", ".h", ".hpp", ".hh", ".hxx", ".tcc", ".ipp"),
            _kinds("class struct union enum function typedef macro"),
        ),
        Language("csharp", "C#", (".cs",), _kinds("class enum interface method struct property")),
        Language("ruby", "Ruby", (".rb",), _kinds("class module method singletonMethod alias accessor constant")),
        Language("php", "PHP", (".php",), _kinds("class interface trait function define")),
        Language("kotlin", "Kotlin", (".kt",), _kinds("class interface object method typealias constant")),
        Language(
            "elixir",
            "Elixir",
            (".ex", ".exs"),
            _kinds("module protocol function macro delegate guard callback type"),
        ),
        Language("lua", "Lua", (".lua",), _kinds("function")),
        Language("bash", "Sh", (".sh", ".bash"), _kinds("function alias"), _SHELL),
    )
}
