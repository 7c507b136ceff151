"""What the parser of C and C++ gets to read instead of a source with macros: the same, with blanks in their place.

A grammar knows nothing of a project's macros. Where one stands that is neither a type nor a name, all that follows may
be misread: `MYLIB_NAMESPACE_BEGIN` before `namespace detail {` makes a function of the namespace. Length and line ends
stay, so that every node of the tree lies where it lies in the source; names are read from the source itself.

The rules know how macros are written (in capitals, or with two underscores before), and where such a word can be no
type. In comments, strings and directives nothing is touched.
"""

import re
from collections.abc import Callable

from pgdex.indexer.chunking.branches import broken_branches
from pgdex.indexer.chunking.macro_names import ARGUMENTS

# A word that C or a compiler knows is no macro, in whatever letters; what is known is looked for behind the first one.
_KNOWN = (
    r"(?!(?:_(?:attribute|declspec|extension|asm|typeof|alignof|restrict|try|except|finally|leave|block|based)(?:__)?"
    r"|(?<=N)ULL)\b)"
)
# `ALL_CAPITALS` or two underscores before. It begins with a set of letters, so that `re` skips what is between them:
# a lookbehind at the front made every rule two to three times as slow.
_MACRO = (
    rf"[A-Z_](?<![\w.>:#].){_KNOWN}"
    r"(?:(?<=[A-Z])[A-Z0-9_]+|(?<=_)(?:_*[A-Z][A-Z0-9_]+|_\w+))\b(?!::)"
)
# A comment is blanks by then, however long.
_GAP = r"\s{0,4000}+"
_USE = rf"{_MACRO}(?:{_GAP}{ARGUMENTS})?"
_ANGLES = r"<[^;{}()<>]{0,400}+(?:<[^;{}()<>]{0,400}+>[^;{}()<>]{0,400}+){0,9}+>"
_WORD = rf"[A-Za-z_]\w*+(?:::\w++)*+(?:{_ANGLES})?(?:::\w++)?"
_NAME = r"(?:~?[A-Za-z_]\w*+(?:::~?\w++)*+(?<!operator)|(?:\w++::)*+operator\b[^;{}()]{0,60}+(?:\(\))?)"
# Between two words; a star or an ampersand counts as a blank.
_APART = r"(?:\s|[*&]){1,200}+"
_BEGINS = (
    r"template|namespace|class|struct|union|enum|extern|static|inline|typedef|virtual|constexpr|consteval|explicit"
    r"|friend|using"
)
_STORAGE = (
    rf"(?:template{_GAP}{_ANGLES}{_GAP})?(?:(?:static|inline|extern(?:{_GAP}\"[^\"\n]*+\")?|virtual"
    rf"|constexpr|explicit|friend|typedef|const)\s{{1,200}}+){{0,6}}+"
)
_BUILT_IN = r"int|long|char|short|double|unsigned|signed|void|float|bool|const|volatile|auto|register|__\w+"
_NO_TYPE = (
    rf"(?!(?:{_BEGINS}|return|else|if|while|for|switch|case|goto|throw|new|delete|sizeof|do|const|public|private"
    r"|protected|operator|volatile)\b)"
)


def _pattern(text: str) -> re.Pattern[bytes]:
    return re.compile(text.encode(), re.MULTILINE)


_SKIPPED = re.compile(
    rb"//(?:[^\n\\]|\\.)*+"
    rb"|/\*.*?(?:\*/|\Z)"
    rb'|R"(?P<fence>[^()\\\s"]{0,16}+)\(.*?(?:\)(?P=fence)"|\Z)'
    rb'|"(?:[^"\\\n]|\\.)*+"?'
    rb"|'(?<![0-9A-Fa-f]')(?:[^'\\\n]|\\.)*+'?"
    rb"|\#(?:[^\n\\/]|\\.|/(?!\*)|/\*.*?(?:\*/|\Z))*+",
    re.DOTALL,
)
# The body of a macro that goes on behind a line's end: the grammar of C can't read all of them.
_LONG_BODY = re.compile(
    rb"[ \t]*+\#[ \t]*+define[ \t]++\w++(?:\((?:[^()\\]|\\[ \t]*+\n)*+\))?(?P<body>[^\n]*?(?P<end>\\)[ \t]*+\n.*+)",
    re.DOTALL,
)
_BLANKS = bytes(byte if byte == 0x0A else 0x20 for byte in range(256))

# `Q_OBJECT` or `DECLARE_THING(x)` on a line of its own.
_ALONE = _pattern(rf"^[ \t]*+(?P<use>{_MACRO}(?P<arguments>{_GAP}{ARGUMENTS})?[ \t]*+;?)[ \t]*+$")
# `MYLIB_EXPORT template <…>`, `MYLIB_BEGIN namespace x {`.
_BEFORE_KEYWORD = _pattern(rf"(?P<use>{_USE})(?=\s{{1,200}}+(?:{_BEGINS})\b)")
_OPENED = r"(?:\{|:[^:;{}][^;{}]{0,6000}+\{)"
# `class MYLIB_API LOCKABLE("mutex") Name : public Base {`; before a class's name no word can be anything else.
_HEAD = _pattern(
    rf"\b(?:class|struct|union|enum(?:\s+class)?)\s{{1,200}}+"
    rf"(?P<use>(?:(?:{_USE}|\w++_(?i:API|EXPORT|PUBLIC|DLL)\b|(?<=class\s)(?!final\b)[A-Za-z_]\w*+)\s{{1,200}}+){{1,4}}?)"
    # In `class Name final : public Base {` the last word is none.
    rf"(?=(?!final\b)[A-Za-z_]\w*+(?:::\w++)*+(?:{_ANGLES})?{_GAP}(?:(?:final|\w++(?<=_FINAL))\b{_GAP})?{_OPENED})"
)
# `class Name : public NON_EXPORTED_BASE(Base) {`: the macro and its parentheses.
_BASE = _pattern(
    rf"[:,]{_GAP}(?:(?:public|protected|private|virtual)\s{{1,200}}+){{1,2}}+(?P<use>{_MACRO}{_GAP}\({_GAP})"
    rf"[\w:<>,\s]{{1,400}}+(?P<end>\))(?={_GAP}[,{{])"
)
_FINAL = _pattern(rf"\b(?:class|struct)\s{{1,200}}+\w++\s{{1,200}}+(?P<use>\w++(?<=_FINAL))(?={_GAP}{_OPENED})")
_FORWARD = _pattern(rf"\b(?:class|struct)\s{{1,200}}+(?P<use>{_MACRO}{_GAP}{ARGUMENTS}\s{{1,200}}+)(?=\w+\s*;)")
# `} PACKED name;`, `} name ALIGNED(8);`, `} ALIGNED PACKED;`.
_BEFORE_NAME = _pattern(rf"\}}[ \t]*+(?P<use>{_USE})(?=[ \t]++\*?\w++[ \t]*+[;,\[=])")
_BEHIND_NAME = _pattern(rf"\}}[ \t]*+\w++[ \t]++(?P<use>{_USE}(?:[ \t]*+{_USE}){{0,3}}+)(?=[ \t]*+;)")
_BEHIND_BODY = _pattern(rf"\}}[ \t]*+(?P<use>{_MACRO}{_GAP}{ARGUMENTS}(?:[ \t]*+{_USE}){{0,3}}+)(?=[ \t]*+;)")
# `int f(int x) PURE NOEXCEPT_IF(x) {`.
_BEHIND_PARAMETERS = _pattern(
    rf"\)(?:{_GAP}(?:const|override|final|noexcept)\b){{0,4}}+{_GAP}(?P<use>{_USE}(?:{_GAP}{_USE}){{0,5}}+)"
    rf"(?={_GAP}(?:[{{;]|const\b|override\b|final\b|noexcept\b|->|=\s*+(?:0|default|delete)\b|:[^:]))"
)
# `EXPORT int f(`, `inline ATTR(2) int f(`, `EXPORT int x;`.
_LEADING = _pattern(
    rf"^[ \t]*+{_STORAGE}(?P<use>{_USE})(?=\s{{1,200}}+(?:const\s{{1,200}}+)?"
    rf"(?:{_NO_TYPE}{_WORD}{_APART}){{1,6}}{_NAME}{_GAP}[(;=\[{{])"
)
# `local int f(`: in small letters at the margin, where no type can stand before another one.
_LEADING_SMALL = _pattern(
    rf"^{_STORAGE}(?!(?:{_BUILT_IN})\b){_NO_TYPE}(?P<use>[A-Za-z_]\w*+)(?=\s{{1,200}}+(?:const\s{{1,200}}+)?"
    rf"(?:{_NO_TYPE}{_WORD}{_APART}){{1,6}}{_NAME}{_GAP}{ARGUMENTS}{_GAP}[{{;])"
)
# `EXPORT Shop::Shop(`: a constructor has no type.
_BEFORE_CONSTRUCTOR = _pattern(
    rf"^[ \t]*+{_STORAGE}(?P<use>{_USE})(?=\s{{1,200}}+(?:\w++::)*?(?P<name>\w++)(?:{_ANGLES})?::~?(?P=name){_GAP}\()"
)
# `UNUSED(static int f(int x)) {`.
_AROUND = _pattern(
    rf"^(?P<use>{_MACRO}{_GAP}\({_GAP}){_STORAGE}(?:{_NO_TYPE}{_WORD}{_APART}){{1,6}}\w++{_GAP}{ARGUMENTS}(?P<end>{_GAP}\))"
    rf"(?={_GAP}[{{;])"
)
# `int WINAPI f(`, `void *PNGAPI f(`.
_BEFORE_FUNCTION = _pattern(
    rf"^[ \t]*+{_STORAGE}(?:{_NO_TYPE}{_WORD}{_APART}){{1,6}}?(?P<use>{_USE})(?={_APART}{_NAME}{_GAP}\()"
)
# `int count GUARDED_BY(mutex);`, `png_info * RESTRICT pointer;`, `"…" PRIu64 "…"`.
_BEHIND_MEMBER = _pattern(
    rf"^[ \t]*+{_STORAGE}(?:{_NO_TYPE}{_WORD}{_APART}){{1,6}}?(?!(?:{_BUILT_IN})\b)\w++"
    rf"\s++(?P<use>{_MACRO}{_GAP}{ARGUMENTS})(?={_GAP}[;={{])"
)
_BEHIND_STAR = _pattern(rf"\*{_GAP}(?P<use>{_MACRO})(?=\s{{1,200}}+\w++{_GAP}[;,)=\[])")
# `f(void *self UNUSED, int x ATTRIBUTE(1))`.
_BEHIND_PARAMETER = _pattern(rf"(?P<use>{_USE})(?={_GAP}[,)])")
_BEHIND_STRING = _pattern(r'"[ \t\n]{0,200}+(?P<use>[A-Z]\w++)(?=\s{0,200}+[",;)])')
# `API_FUNC(int) f(`: the macro stays for the type.
_TYPE_CALL = _pattern(
    rf"^{_STORAGE}{_NO_TYPE}[A-Za-z_]\w*+{_GAP}(?P<use>{ARGUMENTS})(?={_APART}{_NAME}{_GAP}"
    rf"{ARGUMENTS}\s*+[{{;])"
)
# `int f PROTO((int x));`: the macro and the outer parentheses.
_PROTO = _pattern(rf"[\w)]\s{{1,200}}+(?P<use>{_MACRO}{_GAP}\({_GAP}){ARGUMENTS}(?P<end>{_GAP}\))(?=\s*+[;{{])")
# `typedef void (APIENTRY *callback)(int)`.
_POINTER = _pattern(rf"\({_GAP}(?P<use>{_MACRO})(?={_GAP}(?:\*{_GAP})?\w++{_GAP}\){_GAP}\()")
# `check_that(a, ==, b)`: an operator can be no argument, a name can.
_OPERATOR = _pattern(rf"[,(]{_GAP}(?P<letter>[=!<>]=|[<>])(?={_GAP}[,)])")
# `CHECK(for (;;) { … });`: a macro with statements for arguments.
_STATEMENTS = _pattern(
    rf"^[ \t]*+(?P<use>{_MACRO}{_GAP}\((?:[^()]|\((?:[^()]|\((?:[^()]|\([^()]*+\)){{0,200}}+\)){{0,200}}+\))"
    r"{0,2000}+\)[ \t]*+;?)[ \t]*+$"
)
# `public Q_SLOTS:`, `signals:`.
_ACCESS = _pattern(r"\b(?:public|private|protected)[ \t]++(?P<use>\w++)(?=[ \t]*+:(?!:))")
_SIGNALS = _pattern(r"^[ \t]*+(?P<use>(?:signals|[A-Z_]*SIGNALS)[ \t]*+:)[ \t]*+$")
# `SYSCALL_DEFINE3(open, …) {` at the beginning of a line.
_INVOCATION = _pattern(rf"^{_MACRO}{_GAP}\((?P<use>(?:[^(){{}};]|{ARGUMENTS}){{1,2000}}+)\)(?={_GAP}\{{)")

_ACCESS_BEFORE = re.compile(rb"(?:public|private|protected|signals|slots|[A-Z_]{4,})\s*:\Z")
_RETURN_TYPE_OF = re.compile(rb"\s*+\*?(?!__|[A-Z][A-Z0-9_]+\b)[\w:~]++\s*+\(")
_PARAMETER = re.compile(rf"\w(?:\s|[*&]){{1,200}}+(?!(?:{_BUILT_IN})\b)\w++\s{{1,200}}+\Z".encode())
_FUNCTION_AT_MARGIN = re.compile(rb"\s*\n\*?(?![A-Z_0-9]+\b)[\w:]++\s*+\(")
_CONSTRUCTOR = re.compile(rb"\s*+(?:\w++::)*?(\w++)::~?\1\s*+\(")
_OPENS_OR_CLOSES = re.compile(rb"BEGIN|END|OPEN|CLOSE|DECLS")
_DECLARES = re.compile(
    rb"\s*+(?!(?:return|else|if|while|for|switch|case|goto|throw|do)\b)"
    rb"(?:[\w:<>,~]++[\s*&]++){0,20}+(?:[\w:~]*operator\b[^(;]{0,40}(?:\(\))?|[\w:~]+)\s*\("
)


def without_macros(source: bytes, grammar: str) -> bytes:
    """`source` with blanks, or what means the same to the grammar, in the place of macros that it can't know.

    The bodies of macros that are longer than a line go too, and the branches of conditionals that can't be read as they
    are (see `branches`). Of the same length, with line ends where they were.
    """
    text = _Text(source)
    for pattern, allowed, *needs in _RULES:
        text.blank(pattern, allowed, tuple(needs))
    # Afterwards, since a macro without a semicolon makes a branch look unfinished.
    text.blank_spans(broken_branches(text.seen, text.directives, source))
    text.blank_arguments(keep=grammar in ("c", "objc"))
    return text.result()


class _Text:
    """A source being blanked: `seen` is it without comments, strings and directives, where macros are looked for."""

    def __init__(self, source: bytes) -> None:
        self._source = bytearray(source)
        self.directives: list[tuple[int, int]] = []
        self.seen = bytearray(_SKIPPED.sub(self._skip, source))

    def blank(
        self,
        pattern: re.Pattern[bytes],
        allowed: "Callable[[bytearray, re.Match[bytes]], bool] | None",
        needs: tuple[bytes, ...] = (),
    ) -> None:
        """Blanks what a pattern finds, if the text has one of the words without which it finds nothing."""
        if needs and not any(word in self.seen for word in needs):
            return
        for match in pattern.finditer(bytes(self.seen)):
            if allowed is None or allowed(self.seen, match):
                for name in match.re.groupindex:
                    if name in ("use", "end", "letter"):
                        self._blank(*match.span(name))
                    if name == "letter":
                        self._letter(match.start(name))

    def blank_arguments(self, *, keep: bool) -> None:
        """Blanks what stands in the parentheses of an invocation with a body, so that it reads like a function.

        With `keep` one letter stays: without types C takes `NAME(x) { … }` for a function, and `NAME() { … }` not.
        """
        for match in _INVOCATION.finditer(bytes(self.seen)):
            if not _begins_something(self.seen, match.start()):
                continue
            start, stop = match.span("use")
            self._blank(start, stop)
            if keep:
                place = start + next((i for i, byte in enumerate(match["use"]) if byte != 0x0A), 0)
                if match["use"].strip(b"\n"):
                    self._letter(place)

    def _blank(self, start: int, stop: int) -> None:
        for text in (self._source, self.seen):
            text[start:stop] = text[start:stop].translate(_BLANKS)

    def _letter(self, place: int) -> None:
        self._source[place] = self.seen[place] = ord("x")

    def blank_spans(self, spans: list[tuple[int, int]]) -> None:
        for start, stop in spans:
            self._blank(start, stop)

    def result(self) -> bytes:
        return bytes(self._source)

    def _skip(self, match: re.Match[bytes]) -> bytes:
        text = match[0]
        if text[:1] in b"\"'" and len(text) > 1:
            return text[:1] + text[1:-1].translate(_BLANKS) + text[:1]
        if text[:1] == b"#":
            line = self._source[self._source.rfind(b"\n", 0, match.start()) + 1 : match.start()]
            if line.strip():
                return text
            self.directives.append(match.span())
            body = _LONG_BODY.match(text)
            if body is not None:
                start, stop = body.span("body")
                self._source[match.start() + start : match.start() + stop] = body["body"].translate(_BLANKS)
                # Without any value the grammar would take the next line for it.
                self._source[match.start() + body.start("end")] = ord("x")
        return text.translate(_BLANKS)


def _previous(text: bytearray, place: int) -> int:
    """The last byte before a place that is no blank; 0 for none."""
    before = text[max(0, place - 4_000) : place].rstrip()
    return before[-1] if before else 0


def _begins_something(text: bytearray, place: int) -> bool:
    previous = _previous(text, place)
    if previous == ord(":"):
        return _ACCESS_BEFORE.search(text[max(0, place - 200) : place].rstrip()) is not None
    return previous == 0 or previous in b";{}"


def _stands_alone(text: bytearray, match: re.Match[bytes]) -> bool:
    """Whether a macro on a line of its own is neither a value in a list, nor a return type, nor a definition's head."""
    start, stop = match.span("use")
    if not _begins_something(text, start):
        return False
    after = bytes(text[stop : stop + 4_000]).lstrip()
    if after[:1] and after[:1] in b"{=(,).;[<>|&+*/?-":
        return False
    if match["arguments"] is not None:
        # At the margin it may be the type of what is on the next line: `API_FUNC(int)`.
        at_margin = start == 0 or text[start - 1] == 0x0A
        return not (at_margin and _FUNCTION_AT_MARGIN.match(text, stop))
    if after[:1] == b"}" and _previous(text, start) == ord("{"):
        return True
    return (
        _OPENS_OR_CLOSES.search(match["use"]) is not None
        or _RETURN_TYPE_OF.match(after) is None
        or _CONSTRUCTOR.match(after) is not None
    )


def _has_statements(text: bytearray, match: re.Match[bytes]) -> bool:
    return b";" in match["use"].rstrip(b"; \t") and _begins_something(text, match.start("use"))


def _behind_parameter(text: bytearray, match: re.Match[bytes]) -> bool:
    return _PARAMETER.search(text[max(0, match.start() - 400) : match.start()]) is not None


def _behind_parameters(text: bytearray, match: re.Match[bytes]) -> bool:
    """Whether the parentheses before a macro are those of a function's declaration, and not of a cast or an `if`."""
    before = bytes(text[max(0, match.start() - 2_000) : match.start() + 1])
    depth = 0
    for place in range(len(before) - 1, -1, -1):
        byte = before[place]
        if byte == ord(")"):
            depth += 1
        elif byte == ord("("):
            depth -= 1
        elif depth == 0 and byte in b";{}":
            return _DECLARES.match(before[place + 1 :]) is not None
    return _DECLARES.match(before) is not None


_Allowed = Callable[[bytearray, re.Match[bytes]], bool]
# Each with what must be allowed of it, and words of which the text must have one.
_RULES: tuple[tuple[re.Pattern[bytes], _Allowed | None, *tuple[bytes, ...]], ...] = (
    (_ACCESS, None, b"public", b"private", b"protected"),
    (_SIGNALS, lambda text, match: _begins_something(text, match.start("use")), b"signals", b"SIGNALS"),
    (_ALONE, _stands_alone),
    (_STATEMENTS, _has_statements),
    (_OPERATOR, None),
    (_BASE, None, b"public", b"protected", b"private", b"virtual"),
    (_HEAD, None),
    (_FINAL, None, b"_FINAL"),
    (_FORWARD, None, b"class"),
    (_BEFORE_KEYWORD, None),
    (_BEFORE_NAME, None),
    (_BEHIND_NAME, None),
    (_BEHIND_BODY, None),
    (_PROTO, None, b"((", b"( ("),
    (_POINTER, None),
    (_BEHIND_PARAMETERS, _behind_parameters),
    (_LEADING, None),
    (_LEADING, None),
    (_LEADING_SMALL, None),
    (_BEFORE_CONSTRUCTOR, None, b"::"),
    (_AROUND, None),
    (_BEFORE_FUNCTION, None),
    (_BEHIND_MEMBER, None),
    (_BEHIND_STAR, None),
    (_BEHIND_PARAMETER, _behind_parameter),
    (_BEHIND_STRING, None),
    (_TYPE_CALL, None),
)
