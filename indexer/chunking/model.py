"""The values that chunking takes and gives, and what can go wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

Kind = Literal[
    "module",
    "namespace",
    "class",
    "interface",
    "struct",
    "enum",
    "type",
    "function",
    "method",
    "variable",
    "macro",
    "test",
    "table",
    "resource",
    "rule",
    "element",
    "section",
    "key",
    "block",
]

KINDS: Mapping[Kind, str] = MappingProxyType(
    {
        "module": "code outside of any definition: imports, statements, small mixed pieces",
        "namespace": "a module, package or namespace with a body",
        "class": "a class, an implementation block, an object, a contract",
        "interface": "an interface, protocol, trait, type class or service",
        "struct": "a struct, record, union or message",
        "enum": "an enumeration",
        "type": "a type alias or another named type",
        "function": "a function or procedure that belongs to no class",
        "method": "a function of a class, interface or struct",
        "variable": "a constant, variable or field",
        "macro": "a macro",
        "test": "a named test or group of tests written as a call",
        "table": "an SQL table or view",
        "resource": "something declared by name: a Terraform block, an SQL index or trigger",
        "rule": "a CSS rule, a make target",
        "element": "an element of HTML or XML",
        "section": "what stands under a heading: Markdown, reStructuredText, INI, TOML, Dockerfile",
        "key": "a key with its value: YAML, JSON",
        "block": "consecutive lines of a text without a structure that is known",
    }
)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive whole lines of a file.

    `start_line` and `end_line` are 1-based and inclusive. `symbol` is the qualified name
    ("Outer.inner", or "Guide > Install" for headings) of the definition that the chunk is, is a
    part of, or mostly consists of; None where there is none. In a notebook the cell stands before
    it ("cell 12 > Outer.inner", or "cell 12" alone), and in a PDF it is the page ("page 3"): here
    and in no other field. `symbols` are all the names that the
    chunk defines or continues, `symbol` first, so that an exact search finds each of several small
    functions that share a chunk; those of functions inside of functions are not qualified. `defines` are
    those that begin in it: of a class in several chunks only the first has its name there. `declares` are
    those that it only declares, reopens or passes on (a prototype, an `impl` block, `export { a } from`): it
    answers a search for one of them where nothing defines that name.
    """

    start_line: int
    end_line: int
    kind: Kind
    symbol: str | None
    content: str
    symbols: tuple[str, ...] = ()
    defines: tuple[str, ...] = ()
    declares: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """How large chunks become, in characters.

    Measured on 59 million tokens of Python and YAML, a WordPiece token is 3.6 characters: a chunk
    of the target size is about 330 tokens, and one of the maximum 500, so that a model that reads
    512 sees all of it. Only a single line longer than `maximum` makes a longer chunk: lines are
    never cut.
    """

    target: int = 1_200
    maximum: int = 1_800
    # A definition of at least this size is a chunk of its own; smaller ones share.
    alone: int = 400
    # What is smaller joins a neighbour: code outside of definitions, and definitions.
    fragment: int = 250
    tiny_definition: int = 100

    def __post_init__(self) -> None:
        if not 0 < self.target <= self.maximum:
            raise ValueError(
                f"target must be positive and not above maximum, got target {self.target} and maximum {self.maximum}"
            )


class ChunkingError(Exception):
    """A text could not be chunked."""


class ParseTimeout(ChunkingError):
    """Parsing took longer than the time limit; chunk the file by lines (grammar=None) instead."""


class ChunkingAborted(ChunkingError):
    """The caller's `aborted` turned true; nothing was produced."""


# Kinds in which a function is a method.
CLASS_LIKE: frozenset[Kind] = frozenset({"class", "interface", "struct", "enum"})


@dataclass(slots=True, eq=False)
class Definition:
    """A named definition found in a file; `level` is how deep it is nested, 0 at the top."""

    kind: Kind
    symbol: str
    level: int
    # What the names inside begin with; None: nothing.
    prefix: str | None
    # Characters of the definition that are in the piece which names it.
    size: int = 0
    # What is declared without being defined there: a function without its body, a field of each object.
    is_prototype: bool = False
    # Whether it only adds to what is defined elsewhere, or is another way to it: it gives a chunk its name, and answers
    # a search for that where nothing defines it.
    reopens: bool = False

    @property
    def only_declares(self) -> bool:
        """Whether what it names is defined elsewhere, if anywhere."""
        return self.is_prototype or self.reopens


# Names nested without end would make symbols of quadratic size.
_LONGEST_SYMBOL = 240


def qualified(scope: Definition | None, name: str, separator: str = ".") -> str:
    """A name with the names around it, or alone where that would be unreadably long."""
    if scope is None or scope.prefix is None:
        return name
    symbol = f"{scope.prefix}{separator}{name}"
    return symbol if len(symbol) <= _LONGEST_SYMBOL else name


@dataclass(slots=True, eq=False)
class Piece:
    """Lines `start` to `stop` (0-based, exclusive) that belong together.

    Not longer than the maximum unless it is a single line. `owner` is the innermost definition
    that had to be cut and of which this is a part; `defines` are the definitions that begin here,
    and `names` those of further ones, by which it can be found but is not called; `declares` are names that these
    lines only pass on.
    """

    start: int
    stop: int
    owner: Definition | None
    defines: list[Definition]
    names: list[str] = field(default_factory=list)
    declares: list[str] = field(default_factory=list)
