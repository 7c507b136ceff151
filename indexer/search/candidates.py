"""The chunks that a search looks at twice."""

from dataclasses import dataclass
from enum import IntEnum

ChunkKey = tuple[int, int, int]  # repository, version, ordinal


class Defines(IntEnum):
    """How well the name that a query asks for is defined in a chunk."""

    NOTHING = 0
    FOLDED = 1  # in other letter case
    EXACTLY = 2


@dataclass(slots=True)
class Candidate:
    """A chunk that some retriever found: `lexical` is its BM25 score, `similarity` its cosine, 0 where that retriever
    missed it."""

    key: ChunkKey
    path: str = ""
    language: str = ""
    kind: str = ""
    symbol: str | None = None
    start_line: int = 0
    end_line: int = 0
    lexical: float = 0.0
    similarity: float = 0.0
    defines: Defines = Defines.NOTHING
    path_is_asked_for: bool = False

    @property
    def file(self) -> tuple[int, int]:
        """The repository and the version."""
        return self.key[:2]
