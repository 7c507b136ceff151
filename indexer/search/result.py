"""What a search gives back."""

from dataclasses import dataclass, field
from typing import Final, Literal

from pgdex.indexer.search.views import SearchedView

Retriever = Literal["words", "vectors"]
ALL_RETRIEVERS: Final[tuple[Retriever, ...]] = ("words", "vectors")


class SearchRefused(ValueError):
    """What was asked for can't be searched; the message begins with the argument and says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Another piece of a hit's file that answers too; `content` is its text where it is worth reading at once."""

    start_line: int
    end_line: int
    symbol: str | None
    kind: str = ""
    content: str | None = None


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A file that answers the query, and the piece of it that answers best; `score` orders the hits of one search and
    means nothing else.

    `more` are further pieces of the file, best first; `also_in` the paths of other files whose best piece is nearly
    the same, or that were built from this one, left out of the hits (whole paths where they are in another repository).
    Of the first hits of a question, some of `more` come with their text. `reasons` says what the score is
    made of.
    """

    repository: str
    repo_path: str
    path: str
    start_line: int
    end_line: int
    kind: str
    symbol: str | None
    language: str
    score: float
    content: str
    more: list[Place] = field(default_factory=list)
    also_in: list[str] = field(default_factory=list)
    reasons: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Hits, best first, what a reader should know about how complete they are, and which views were searched."""

    hits: list[SearchHit]
    notes: list[str]
    views: list[SearchedView]
