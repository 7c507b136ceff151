"""Names that ctags finds and that are not counted, each with its reason.

Found by looking at what pgdex does not know, and at a sample of what it does. A rule looks at the tag and at the lines
of its file, never at what pgdex says of it, and no rule knows a project. The first that applies counts.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from benchmarks.definition_tags import Tag

Applies = Callable[[Tag, Sequence[str]], bool]


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A kind of name that is not counted. `wrong`: there is no such definition there; else it is one, and a search that
    answers with it is right."""

    reason: str
    applies: Applies
    wrong: bool
    languages: frozenset[str] | None = None
    """None: all."""


def exclusion_of(language: str, tag: Tag, lines: Sequence[str]) -> Exclusion | None:
    """The first rule that leaves the tag out; None: it counts. `lines` are those of its file."""
    for one in EXCLUSIONS:
        if (one.languages is None or language in one.languages) and one.applies(tag, lines):
            return one
    return None


def last_part(name: str) -> str:
    """The name without those around it, as Lua's ctags writes them (`sender:onincoming`)."""
    return re.split(r"[.:]+", name)[-1]


def _line(tag: Tag, lines: Sequence[str]) -> str:
    return lines[tag.line - 1] if tag.line <= len(lines) else ""


def _matches(pattern: str, tag: Tag, text: str) -> bool:
    """Whether the pattern is in a text; NAME in it stands for the tag's name."""
    return re.search(pattern.replace("NAME", re.escape(last_part(tag.name))), text) is not None


def _never(pattern: str, kinds: str) -> Applies:
    """Applies to tags of some kinds whose line lacks the pattern."""
    of = frozenset(kinds.split())
    return lambda tag, lines: tag.kind in of and not _matches(pattern, tag, _line(tag, lines))


def _where(pattern: str, kinds: str) -> Applies:
    """Applies to tags of some kinds whose line has the pattern."""
    of = frozenset(kinds.split())
    return lambda tag, lines: tag.kind in of and _matches(pattern, tag, _line(tag, lines))


_ANONYMOUS = re.compile(r"^__anon|^[Aa]nonymous(?:Function|Class)|^<\w+>$|^_$")
_NAME = re.compile(r"^[^\W\d][\w$]*[?!=]?$|^[$#@][\w$]+$")
_BUILT = re.compile(r"(?:^|/)(?:dist|build|vendor|node_modules|third_party)/|[.-]min\.[cm]?js$|\.(?:Designer|g)\.cs$")
_STATEMENTS = frozenset({"if", "else", "for", "foreach", "while", "switch", "case", "return", "finally"})
_FUNCTIONS = frozenset({"function", "method", "member", "singletonMethod", "func", "generator"})
_CAPITALS = re.compile(r"^[A-Z_][A-Z0-9_]*$")
_BASH_HEAD = r"(?<![\w-])NAME\s*\(\)|^\s*function\s+NAME(?![\w-])"
_DOC_QUOTES = re.compile(r'"""|\'\'\'')

# A definition by this name, over a line and the two after it. What is a constant for people ctags may call a class.
_JAVASCRIPT = (
    r"^(?:export\s+)?const\s+NAME\b",
    r"\bfunction\b\s*\*?\s*NAME\b",
    r"\bclass\s+NAME\b",
    r"\bNAME['\"]?\s*[:=]\s*(?:async\b\s*)?(?:function\b|class\b|[\w$]+\s*=>|\([^;]*=>)",
    r"^\s*(?:(?:static|async|get|set)\s+)*\*?\s*#?['\"]?NAME['\"]?\s*\([^;]*\{",
)


def _no_javascript(tag: Tag, lines: Sequence[str]) -> bool:
    if tag.kind == "constant":
        return False
    text = " ".join(lines[tag.line - 1 : tag.line + 2])
    return not any(_matches(pattern, tag, text) for pattern in _JAVASCRIPT)


def _is_absent(tag: Tag, lines: Sequence[str]) -> bool:
    return last_part(tag.name).rstrip("=") not in _line(tag, lines)


@lru_cache(maxsize=4)
def _documented(lines: tuple[str, ...]) -> frozenset[int]:
    """The lines, from 1, that are inside of a text between three quotes."""
    inside, found = "", set()
    for number, line in enumerate(lines, start=1):
        if inside:
            found.add(number)
        for mark in _DOC_QUOTES.findall(line):
            inside = mark if not inside else "" if mark == inside else inside
    return frozenset(found)


def _in_documentation(tag: Tag, lines: Sequence[str]) -> bool:
    return tag.line in _documented(tuple(lines))


def _rules() -> Iterator[Exclusion]:
    def rule(reason: str, applies: Applies, *languages: str, wrong: bool) -> Exclusion:
        return Exclusion(reason, applies, wrong, frozenset(languages) or None)

    # Of all languages.
    yield rule("in a built or vendored file", lambda tag, _: _BUILT.search(tag.path) is not None, wrong=False)
    yield rule("anonymous", lambda tag, _: _ANONYMOUS.search(tag.name) is not None, wrong=True)
    yield rule(
        "an operator or a destructor, which is found by its class",
        lambda tag, _: tag.name.startswith(("operator", "~")) or _NAME.search(last_part(tag.name)) is None,
        *("cpp", "csharp"),
        wrong=False,
    )
    yield rule(
        "an operator, an index or a computed key: no name that can be looked up",
        lambda tag, _: _NAME.search(last_part(tag.name)) is None,
        *("python", "javascript", "typescript", "go", "rust", "java", "c", "ruby", "php", "kotlin", "elixir", "lua"),
        wrong=False,
    )
    yield rule("a companion object without a name", _never(r"\bobject\s+NAME\b", "object"), "kotlin", wrong=True)
    yield rule("not on the line that ctags says", _is_absent, wrong=True)
    yield rule(
        "ctags takes a statement for a definition",
        lambda tag, _: tag.name in _STATEMENTS and tag.kind in ("function", "method", "property"),
        *("javascript", "typescript", "c", "cpp", "csharp", "java", "kotlin"),
        wrong=True,
    )

    # Of some, where ctags is wrong.
    yield rule(
        "ctags takes a macro that is called for a function",
        lambda tag, _: (
            tag.kind == "function" and (_CAPITALS.search(tag.name) is not None or tag.name.startswith("__attribute"))
        ),
        *("c", "cpp"),
        wrong=True,
    )
    yield rule(
        "an import",
        _where(r"\bNAME\s*=\s*(?:await\s+)?(?:require|import)\s*\(", "constant"),
        "javascript",
        wrong=True,
    )
    yield rule("an import", _never(r"\btype\s+NAME\s*(?:<|=|$)", "alias"), "typescript", wrong=True)
    yield rule("ctags takes a use or an assignment for a definition", _no_javascript, "javascript", wrong=True)
    yield rule(
        "ctags takes a lifetime for a definition",
        _never(r"\b(?:const|static)\b.*\bNAME\s*:", "variable"),
        "rust",
        wrong=True,
    )
    yield rule(
        "ctags takes a constraint of a type parameter for a definition",
        _never(r"\b(?:class|struct|interface)\s+NAME\b", "class struct interface"),
        "csharp",
        wrong=True,
    )
    yield rule(
        "ctags takes a constraint of a type parameter for a definition",
        _where(r"\bwhere\b.*:.*\bNAME\b", "property"),
        "csharp",
        wrong=True,
    )
    yield rule(
        "ctags takes a call for a method",
        _where(r"\b(?:new|return|await)\s+NAME\s*\(|\.\s*NAME\s*\([^{]*;", "method"),
        "csharp",
        wrong=True,
    )
    yield rule(
        "ctags reads `self` as the name of `def self.name`", lambda tag, _: tag.name == "self", "ruby", wrong=True
    )
    yield rule("ctags takes a use for a definition", _never(r"\bNAME\s*=(?!=)", "constant"), "ruby", wrong=True)
    yield rule("ctags cuts the name", _where(r"\balias\s+:?NAME[?!]", "alias"), "ruby", wrong=True)
    yield rule(
        "the setter of an accessor, which is on the line of its getter",
        lambda tag, lines: (
            tag.kind == "accessor"
            and tag.name.endswith("=")
            and not _matches(r"\battr_writer\b", tag, _line(tag, lines))
        ),
        "ruby",
        wrong=False,
    )
    yield rule("ctags takes a parameter for a method", _never(r"\bfun\b.*\bNAME\b", "method"), "kotlin", wrong=True)
    yield rule("in a text between three quotes", _in_documentation, "elixir", "kotlin", wrong=True)
    yield rule("a name that is made up as it runs", lambda tag, _: tag.name == "unquote", "elixir", wrong=True)
    yield rule(
        "ctags takes a value for a function",
        _never(r"\bfunction\s*[\w.:]*\bNAME\s*\(|\bNAME\s*=\s*function\b", "function"),
        "lua",
        wrong=True,
    )
    yield rule(
        "ctags takes an argument or a pattern for a name",
        lambda tag, lines: (
            re.search(r"\w", tag.name) is None
            or (tag.kind == "function" and not _matches(_BASH_HEAD, tag, _line(tag, lines)))
        ),
        "bash",
        wrong=True,
    )
    yield rule("ctags takes an array for a function", lambda tag, _: tag.name.endswith("="), "bash", wrong=True)

    # Of some, where it is right and people look for something else.
    yield rule(
        "a macro without a value, as guards of headers are",
        _where(r"#\s*define\s+NAME\s*(?:/[/*].*)?$", "macro"),
        *("c", "cpp"),
        wrong=False,
    )
    yield rule("a variable, no constant", _never(r"^(?:static\s+)?const\b.*\bNAME\b.*=", "variable"), "c", wrong=False)
    yield rule(
        "a variable, no constant",
        lambda tag, lines: (
            tag.kind == "variable"
            and (
                _CAPITALS.search(tag.name) is None
                or tag.scope is not None
                or not _matches(r"^NAME\b", tag, _line(tag, lines))
            )
        ),
        "python",
        wrong=False,
    )
    yield rule(
        "a local constant, or one of several on its line",
        _never(r"^(?:export\s+)?(?:declare\s+)?const\s+NAME\b", "constant"),
        *("javascript", "typescript"),
        wrong=False,
    )
    yield rule(
        "a callback that is named like the function it is given to",
        _where(r"\bNAME\s*\((?:[^()]*,)?\s*function\s+NAME\b", "function"),
        *("javascript", "typescript"),
        wrong=False,
    )
    yield rule("a value, no `const val`", _never(r"\bconst\s+val\s+NAME\b", "constant"), "kotlin", wrong=False)
    yield rule("a field that can change, no constant", _never(r"\bstatic\b.*\bNAME\b", "field"), "java", wrong=False)
    yield rule("one of several on its line", _where(r",\s*NAME\b", "field"), "java", wrong=False)
    yield rule("a signature in an interface", lambda tag, _: tag.kind == "methodSpec", "go", wrong=False)
    yield rule("a module whose body is in another file", _where(r"\bmod\s+NAME\s*;", "module"), "rust", wrong=False)
    yield rule(
        "a type of an `impl` block or a trait, the same name in each",
        lambda tag, _: tag.kind == "typedef" and tag.scope_kind in ("implementation", "interface"),
        "rust",
        wrong=False,
    )
    yield rule(
        "the type `t`, which every module has",
        lambda tag, _: (tag.kind, tag.name) == ("type", "t"),
        "elixir",
        wrong=False,
    )
    yield rule(
        "inside a function, where nobody but the function sees it",
        lambda tag, _: tag.scope_kind in _FUNCTIONS,
        *("python", "go", "rust", "java", "c", "cpp", "csharp", "ruby", "php", "kotlin"),
        wrong=False,
    )


EXCLUSIONS = tuple(_rules())
