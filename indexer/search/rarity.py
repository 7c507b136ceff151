"""How rare the words of a query are in the repositories that are searched together.

Both retrievers use it: BM25 as the rarity of its terms, and the vectors so that of `where is the cell type sorted` in a
tree of cells and types `sorted` counts most. Counted once for both.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import psycopg

from pgdex.indexer.lexemes import words
from pgdex.indexer.search.views import SearchedTable
from pgdex.indexer.terms import stem_of, term_id_of

Connection = psycopg.Connection[tuple[Any, ...]]

# To which power a word's rarity counts in a query's vector. The model's rows know already how rare a word is in code,
# not how rare it is here: with 0 (as if it were rare) NDCG@10 of pieces in the set development is 0.565, with 0.3, 0.5,
# 0.6, 0.7 and 1 it is 0.574, 0.587, 0.585, 0.583 and 0.567; in the set own it rises up to 0.8.
POWER: Final = 0.6
# How much words count that are not looked for, because they only ask (`how`, `does`): 0, 0.3, 0.5 and 1 give 0.580,
# 0.585, 0.587 and 0.581.
NOT_LOOKED_FOR: Final = 0.5


@dataclass(frozen=True, slots=True)
class Frequencies:
    """How many of `total` chunks have each term."""

    by_term: Mapping[str, float]
    total: float

    def weights(self, text: str) -> dict[str, float]:
        """How much each word of a text counts in its vector, from 0 to 1."""
        return {word: self._weight(self.by_term.get(stem_of(word))) for word in words(text)}

    def _weight(self, frequency: float | None) -> float:
        return NOT_LOOKED_FOR if frequency is None else (self.rarity(frequency) / self.rarity(0)) ** POWER

    def rarity(self, frequency: float) -> float:
        """Of a term that so many chunks have, as search_lexical.sql has it."""
        return math.log(1 + (self.total - frequency + 0.5) / (frequency + 0.5))


def frequencies_of(connection: Connection, table: SearchedTable, terms: Sequence[str]) -> Frequencies:
    """How many chunks of the table's repositories that are searched have each of the terms, those of views that are not
    searched included."""
    by_term_id = {term_id_of(term): term for term in terms}  # two terms may share a term_id
    rows = connection.execute(
        "select term, frequency, total from pgdex.term_frequencies(%s::bigint[], %s::integer[])",
        [table.repository_ids, list(by_term_id)],
    ).fetchall()
    # Statistics may be of a time when there were fewer: the total grows while they are counted.
    total = max((total for _, _, total in rows), default=0.0)
    return Frequencies({by_term_id[term_id]: frequency for term_id, frequency, _ in rows}, total)
