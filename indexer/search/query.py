"""What a query is (a name, a path, a question, an error message, code), and what in it is worth looking for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType
from typing import Final

from pgdex.indexer.languages import TEXT, language_of
from pgdex.indexer.lexemes import words
from pgdex.indexer.search.messages import runs_of, without_prefix
from pgdex.indexer.search.result import SearchRefused
from pgdex.indexer.terms import stem_of

MOST_TERMS: Final = 48
LEAST_SPACES: Final = 3  # shorter phrases stand in prose by chance
LEAST_SPACES_OF_MESSAGE: Final = 2  # after `error: `, which says that it is one
LONGEST_QUERY: Final = 2_000  # characters that are looked at: a traceback's end is mostly its callers

# Words that say that something is asked, not what: looked for only where a query has no others.
ASKING: Final = frozenset(
    """
    a about after all an and any are as at be been before between but by can could did do does during each else for
    from get gets had has have how i if in into is it its like me my not of on one or our over should so some such than
    that the their them then there these they this those through to under until up us used using via was we were what
    when where which while who why will with without would you your
    """.split()  # noqa: SIM905 -- a list of quoted words is three times as long and no easier to read
)

QUESTION_WORDS: Final = frozenset({"how", "what", "when", "where", "which", "who", "why"})  # as the first word


class QueryKind(StrEnum):
    """Kinds that are ranked differently."""

    NAME = "name"  # parse_args, Session.send
    PATH = "path"  # src/flask/ctx.py
    ERROR = "error"  # ValueError: invalid literal for int()
    CODE = "code"  # for key, value in headers.items():
    WORDS = "words"  # session management; how are sessions stored?


_NAME: Final = re.compile(r"[A-Za-z_$@][\w$]*(?:(?:\.|::|#|->|\\|-)[A-Za-z_$][\w$]*)*[?!]?(?:\(\))?")
_PATH: Final = re.compile(r"[\w.@+-]+(?:/[\w.@+-]*)+|(?:\./|/)[\w.@+/-]+|[\w@+-]+(?:\.[\w@+-]+)+")
_ERROR: Final = re.compile(
    r"\b\w*(?:Error|Exception|Warning|Panic)\b\s*[:(]|\b(?:error|panic|fatal|traceback|exception|errno)\b[^?]*[:\[]"
    r"|\b(?:cannot|could not|can't|failed to|unable to|undefined|unexpected|invalid)\b.*['\"`:]",
    re.IGNORECASE,
)
_CODE: Final = re.compile(r"[;{}]|\w\(.*\)|[^=!<>]=[^=]|=>|->|::|\w\[|^\s*(?:@\w|#include|import |from \w+ import )")
# Names in a text: camelCase, snake_case, ALLCaps inside, calls, and what stands in backquotes.
_NAME_IN_TEXT: Final = re.compile(
    r"`([^`\s]+)`|\b([A-Za-z_$]\w*)(?=\()|\b(\w*[a-z0-9][A-Z]\w*|[A-Z]{2,}[a-z]\w*|\w*[A-Za-z0-9]_\w+|_+[A-Za-z]\w*)"
)
# Words that say what kind of definition a name is, in the languages that have them.
_FUNCTIONS: Final = frozenset({"function", "method"})
_TYPES: Final = frozenset({"class", "struct", "interface", "enum", "type"})
_KIND_WORDS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        **dict.fromkeys(("function", "func", "fn", "fun", "def", "method", "sub", "procedure", "proc"), _FUNCTIONS),
        **dict.fromkeys(("class", "object"), frozenset({"class"})),
        **dict.fromkeys(("struct", "record", "union", "message"), frozenset({"struct"})),
        **dict.fromkeys(("interface", "protocol", "trait"), frozenset({"interface"})),
        **dict.fromkeys(("type", "typedef"), _TYPES),
        **dict.fromkeys(("module", "namespace", "package", "mod"), frozenset({"namespace", "class", "module"})),
        **dict.fromkeys(("const", "constant", "var", "variable", "let", "val"), frozenset({"variable"})),
        "enum": frozenset({"enum"}),
        "macro": frozenset({"macro"}),
        "#define": frozenset({"macro"}),
    }
)
_KIND_WORD: Final = "|".join(map(re.escape, _KIND_WORDS))
_DEFINITION: Final = re.compile(
    rf"(?:(?:pub|public|private|static|abstract|data|sealed|async|export|inline|final|enum|partial)\s+)*"
    rf"(?P<kind>{_KIND_WORD})\s+(?P<name>[A-Za-z_$][\w$]*[?!]?)(?:\s*[({{:<].*)?"
)
_NAMED_FIRST: Final = re.compile(rf"(?P<name>[A-Za-z_$][\w$]*[?!]?)\s+(?P<kind>{_KIND_WORD})")
_QUOTED: Final = re.compile("\"([^\"]*\\S[^\"]*)\"|'([^']*\\S[^']*)'|\u201c([^\u201d]*\\S[^\u201d]*)\u201d")
_CAPITALISED: Final = re.compile(r"(?<=[\w,)] )([A-Z][a-z]\w+)\b")
_LAST_NAME: Final = re.compile(r"[\w$-]+[?!]?(?=(?:\(\))?\Z)")


@dataclass(frozen=True)
class Query:
    """A query, taken apart."""

    text: str
    kind: QueryKind

    @cached_property
    def words(self) -> list[str]:
        """The words to look for, each once; words that only ask are left out where there are others."""
        found = dict.fromkeys(words(self.text))
        telling = [word for word in found if word not in ASKING] or list(found)
        return telling[:MOST_TERMS]

    @cached_property
    def terms(self) -> list[str]:
        """The stems of the words, each once."""
        return list(dict.fromkeys(map(stem_of, self.words)))

    @cached_property
    def names(self) -> list[str]:
        """What may be the name of a definition, as it is spelled: all of a name, or what looks like one in a text."""
        # self.d may be a file in D, and the attribute of an object.
        if self.kind is QueryKind.NAME or (self.kind is QueryKind.PATH and "/" not in self.text):
            found = _LAST_NAME.search(self.text)
            return [found[0]] if found else []
        if self.kind is QueryKind.PATH:
            return []
        sought = [] if self._sought is None else [self._sought["name"]]
        found_names = sought + [next(filter(None, groups)) for groups in _NAME_IN_TEXT.findall(self.text)]
        # Of `.` and `a.` in backquotes nothing follows the dot.
        return list(dict.fromkeys(filter(None, (name.rsplit(".", 1)[-1] for name in found_names))))[:8]

    @cached_property
    def _sought(self) -> re.Match[str] | None:
        if self.kind not in (QueryKind.WORDS, QueryKind.CODE):
            return None
        return _DEFINITION.fullmatch(self.text) or _NAMED_FIRST.fullmatch(self.text)

    @property
    def sought_kinds(self) -> frozenset[str]:
        """The kinds of chunks of which one is asked for by its name (`struct file_header`); empty for any other
        query."""
        return frozenset() if self._sought is None else _KIND_WORDS[self._sought["kind"]]

    @property
    def sought_words(self) -> str | None:
        """How a definition of the kind that is asked for begins, as a regular expression for PostgreSQL: `interface
        Handler`, and in Go `Handler interface`."""
        if self._sought is None:
            return None
        kind, name = re.escape(self._sought["kind"]), re.escape(self._sought["name"])
        return rf"(^|[^\w$])({kind}\s+{name}|{name}\s+{kind})([^\w$]|$)"

    @property
    def phrase(self) -> str | None:
        """What a chunk may have word for word: all of a text in quotes, or of one of at least four words, without what
        was printed before a message (`fatal error: `)."""
        quoted = _QUOTED.fullmatch(self.text)
        if quoted:
            return " ".join(next(filter(None, quoted.groups())).split())
        whole = " ".join(self.text.split())
        text = without_prefix(whole)
        least = LEAST_SPACES if text == whole else LEAST_SPACES_OF_MESSAGE
        return text if self.kind is not QueryKind.PATH and text.count(" ") >= least else None

    @property
    def runs(self) -> list[str]:
        """What a chunk may have of the phrase where it says something else in between: runs of neighbouring words."""
        return runs_of(self.phrase) if self.phrase is not None and self.may_be_message else []

    @property
    def may_be_message(self) -> bool:
        """Whether a text without quotes may be what a program prints: it is no code, and asks nothing."""
        is_text = self.kind in (QueryKind.WORDS, QueryKind.ERROR) and not self.is_quoted
        return is_text and self.text.partition(" ")[0].lower() not in QUESTION_WORDS

    @property
    def is_quoted(self) -> bool:
        """Whether the user has put all of it into quotes."""
        return _QUOTED.fullmatch(self.text) is not None

    @property
    def is_spelled(self) -> bool:
        """Whether the query is a name as it is spelled, rather than a word that may be one (smart case, as in Vim and
        ripgrep): it has a capital, an underscore, a digit, or names around it."""
        return self.kind is QueryKind.NAME and not (self.text.isalpha() and self.text == self.text.lower())

    @cached_property
    def capitalised(self) -> list[str]:
        """Capitalised words inside a sentence: often classes, sometimes only names of things."""
        if self.kind is not QueryKind.WORDS:
            return []
        return [word for word in dict.fromkeys(_CAPITALISED.findall(self.text)) if word not in self.names][:4]

    @property
    def all_names(self) -> list[str]:
        """The names and the capitalised words."""
        return self.names + self.capitalised


def check_query(text: str) -> None:
    """Raise SearchRefused for a query that can't be one."""
    check_text("query", text)
    if not text.strip():
        raise SearchRefused("query: it is empty; give words, an identifier or a question")


def check_text(argument: str, text: str | None) -> None:
    """Raise SearchRefused for a text that no database can hold."""
    if text is not None and ("\0" in text or (not text.isascii() and text != text.encode(errors="ignore").decode())):
        raise SearchRefused(f"{argument}: it is not valid text: it has a NUL character, or bytes that are not UTF-8")


def understand(text: str) -> Query:
    """What a query is."""
    text = text.strip()[:LONGEST_QUERY]
    return Query(text, _kind(text))


def _kind(text: str) -> QueryKind:
    if " " not in text and "\n" not in text:
        if _PATH.fullmatch(text) and ("/" in text or language_of(text) is not TEXT):
            return QueryKind.PATH
        if _NAME.fullmatch(text):
            return QueryKind.NAME
    if _ERROR.search(text):
        return QueryKind.ERROR
    if _CODE.search(text) and not text.endswith("?"):
        return QueryKind.CODE
    return QueryKind.WORDS
