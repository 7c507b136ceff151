"""Whether the hits of a search have to do with its words, so that nobody takes what is merely near for an answer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pgdex.indexer.search import SearchHit

LEAST_SHARE = 1 / 3
"""Of the query's words that the best hit has, below which nothing fits. Of 123 questions that have an answer 2 % are
warned about, and 14 % if it takes a half; of 246 that have none, 25 % and 55 %. What is often wrong is not read."""
MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Misfit:
    """What speaks against every hit: at most `found` of the query's `words` stand in one of them; `nowhere` are those
    that stand in none."""

    words: int
    found: int
    nowhere: tuple[str, ...]

    @property
    def message(self) -> str:
        """A sentence about it."""
        of = "the query's word" if self.words == 1 else f"the query's {self.words} words"
        most = f"no hit has {of}" if not self.found else f"no hit has more than {self.found} of {of}"
        named = ", ".join(self.nowhere[:MOST_NAMED])
        more = ", …" if len(self.nowhere) > MOST_NAMED else ""
        missing = f" (none has: {named}{more})" if self.found and self.nowhere else ""
        return f"Nothing fits well: {most}{missing}. What follows is only near in meaning."


def misfit(query: str, hits: "Sequence[SearchHit]") -> Misfit | None:
    """What speaks against all of the hits of a question in words; None where one of them has at least a third of
    its words, and where nothing was found.

    Names, paths, errors and code are judged by the search itself, whose notes say it.
    """
    from pgdex.indexer.search.query import QueryKind, understand
    from pgdex.indexer.terms import stem_of

    understood = understand(query)
    if understood.kind is not QueryKind.WORDS or not hits or not understood.words:
        return None
    asked = {stem_of(word): word for word in understood.words}
    anywhere: set[str] = set()
    best = 0
    for hit in hits:
        has = asked.keys() & set(_stems(hit))
        anywhere |= has
        best = max(best, len(has))
    if best >= LEAST_SHARE * len(asked):
        return None
    return Misfit(len(asked), best, tuple(word for stem, word in asked.items() if stem not in anywhere))


def _stems(hit: "SearchHit") -> Iterator[str]:
    """Those of all words that the hit shows or is called by."""
    from pgdex.indexer.lexemes import words
    from pgdex.indexer.numbered_parts import without_part
    from pgdex.indexer.terms import stem_of

    texts = [
        hit.path,
        without_part(hit.path, hit.symbol) or "",
        hit.content,
        *(place.content or "" for place in hit.more),
    ]
    for text in texts:
        yield from map(stem_of, set(words(text)))
