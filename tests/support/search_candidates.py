"""Candidates of a search as its retrievers would find them, and the order that the ranking gives them."""

from pgdex.indexer.search.candidates import Candidate, Defines
from pgdex.indexer.search.query import understand
from pgdex.indexer.search.ranking import rank

WORDS = "how is the retry delay computed"


def found(
    path: str,
    *,
    file: int,
    ordinal: int = 0,
    lexical: float = 0.0,
    similarity: float = 0.0,
    defines: Defines = Defines.NOTHING,
    asked: bool = False,
    kind: str = "",
    language: str = "",
    symbol: str | None = None,
    start_line: int = 0,
    is_word_for_word: bool = False,
    said: float = 0.0,
    says_kind: bool = False,
) -> Candidate:
    """The piece `ordinal` of the file number `file`, with what the retrievers say of it; 0 means not found."""
    return Candidate(
        (1, file, ordinal),
        path=path,
        language=language,
        kind=kind,
        symbol=symbol,
        start_line=start_line,
        lexical=lexical,
        similarity=similarity,
        defines=defines,
        path_is_asked_for=asked,
        is_word_for_word=is_word_for_word,
        said=said,
        says_kind=says_kind,
    )


def order(query: str, *candidates: Candidate, without: str | None = None) -> list[str]:
    """The paths, best first."""
    rules = frozenset() if without is None else frozenset({without})
    return [file.chunks[0].path for file in rank(understand(query), candidates, without=rules)]
