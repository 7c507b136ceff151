"""The chunks that a search looks at twice."""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

ChunkKey = tuple[int, int, int]  # repository, version, ordinal


# Kinds of chunks that have others in them.
TYPES: Final = frozenset({"class", "interface", "struct", "enum"})
CONTAINERS: Final = TYPES | {"namespace"}


class Defines(IntEnum):
    """How well the name that a query asks for is defined in a chunk."""

    NOTHING = 0
    FOLDED = 1  # in other letter case
    DECLARED = 2  # a prototype, or passed on from elsewhere; only looked for where nothing has it exactly
    EXACTLY = 3


@dataclass(slots=True)
class Candidate:
    """A chunk that some retriever found: `lexical` is its BM25 score, `similarity` its cosine, 0 where that retriever
    missed it; `said` is how many of the query's runs of words it has, as a share, and
    `says_kind` whether it has the kind and the name together that the query asks for. `symbol` is without the cell or
    page that it is in, which is `part`: it says where a chunk is, not what."""

    key: ChunkKey
    path: str = ""
    language: str = ""
    kind: str = ""
    part: str | None = None
    symbol: str | None = None
    start_line: int = 0
    end_line: int = 0
    lexical: float = 0.0
    similarity: float = 0.0
    defines: Defines = Defines.NOTHING
    path_is_asked_for: bool = False
    is_word_for_word: bool = False
    said: float = 0.0
    says_kind: bool = False

    @property
    def file(self) -> tuple[int, int]:
        """The repository and the version."""
        return self.key[:2]


@dataclass(slots=True)
class RankedFile:
    """A file with the chunks of it that were found, best first, and what its score is made of; `built` are the paths of
    files that were made from it."""

    score: float
    chunks: list[Candidate]
    reasons: dict[str, float] = field(default_factory=dict)
    built: list[str] = field(default_factory=list)

    @property
    def path(self) -> str:
        """The file's path."""
        return self.chunks[0].path
