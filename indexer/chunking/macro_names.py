"""What the use of a macro defines, as it is written: `TEST(suite, name) { … }`, `DEFINE_THING(name) { … }`."""

import re
from typing import NamedTuple

from pgdex.indexer.chunking.model import Kind

ALL_CAPITALS = r"_*[A-Z][A-Z0-9_]+"
"""How the names of macros are written; types of that form exist too (FILE, DWORD)."""

# Arguments in parentheses, those inside of them three deep; what has a brace or a semicolon in it, or is longer than
# this, is no list of arguments. Possessive, so that an unclosed one is given up at once.
ARGUMENTS = r"\((?:[^(){};]|\((?:[^(){};]|\([^(){};]*+\)){0,200}+\)){0,2000}+\)"

_INVOCATION = re.compile(rf"({ALL_CAPITALS})\s*({ARGUMENTS})\s*\{{".encode())
_ATTRIBUTE = re.compile(rf"(?:{ALL_CAPITALS}|__\w+)\Z")
_TEST = re.compile(r"(?:\A|_)(?:TESTS?|SCENARIO|BENCHMARK|FUZZ|SUBCASE|SECTION)(?:\Z|_|CASE)|TEST_?CASE")
_STRING = re.compile(r'\s*"((?:[^"\\]|\\.)*)"\s*\Z')
# A name, or one behind macros and qualifiers: "PNGAPI png_error".
_WORDS = re.compile(rf"\s*(?:{ALL_CAPITALS}\s+)?(~?[A-Za-z_]\w*(?:::~?\w+)*)\s*\Z")
_TYPE_WORDS = frozenset(
    [
        "void",
        "bool",
        "char",
        "short",
        "int",
        "long",
        "float",
        "double",
        "signed",
        "unsigned",
        "size_t",
        "ssize_t",
        "static",
        "inline",
        "const",
        "extern",
        "auto",
    ]
)
_LONGEST_HEAD = 4_000


class Invocation(NamedTuple):
    """A macro with a body behind its arguments, and the definition that it is taken for."""

    kind: Kind
    name: str


def looks_like_attribute(name: str) -> bool:
    """Whether a word behind a declaration is a macro for an attribute rather than a name: `PACKED`, `__aligned`."""
    return _ATTRIBUTE.match(name) is not None


def invocation_at(source: bytes, start: int) -> Invocation | None:
    """The definition that an invocation with a body makes, which begins at this byte; None where there is none.

    A test is named by its first two arguments that are names, or by its title ("does this"); where the macro's own
    name says CASE the first is the name. Of other macros the first argument counts that is a name and neither a type
    known to C nor in capitals: `SYSCALL_DEFINE3(open, const char *, path, …)` defines `open`,
    `PNG_FUNCTION(void, PNGAPI png_error, (…), …)` defines `png_error`. An argument with a type before it is a
    parameter: what has nothing but such is a function or constructor in capitals.
    """
    found = _INVOCATION.match(source, start, start + _LONGEST_HEAD)
    if found is None:
        return None
    macro = found[1].decode()
    arguments = _split(found[2][1:-1].decode("utf-8", "replace"))
    names = [word[1] for word in map(_WORDS.match, arguments) if word is not None and word[1] not in _TYPE_WORDS]
    if _TEST.search(macro):
        title = _STRING.match(arguments[0])
        if title is not None and title[1].strip():
            return Invocation("test", title[1].strip())
        if names:
            return Invocation("test", names[0] if "CASE" in macro else ".".join(names[:2]))
        return None
    named = next((name for name in names if not name.isupper()), names[0] if names else None)
    return None if named is None else Invocation("function", named)


def _split(arguments: str) -> list[str]:
    """Arguments at the commas between them."""
    result: list[str] = []
    depth = start = 0
    quoted = escaped = False
    for place, character in enumerate(arguments):
        if quoted:
            quoted = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            quoted = True
        elif character in "([":
            depth += 1
        elif character in ")]":
            depth -= 1
        elif character == "," and depth == 0:
            result.append(arguments[start:place])
            start = place + 1
    result.append(arguments[start:])
    return result
