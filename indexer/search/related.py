"""A place in the code as a query: the chunk there, its vector, and the terms that tell it from others."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg import sql

from pgdex.indexer.lexemes import words
from pgdex.indexer.search.candidates import ChunkKey
from pgdex.indexer.search.rarity import Frequencies
from pgdex.indexer.search.request import RelatedRequest
from pgdex.indexer.search.result import SearchRefused
from pgdex.indexer.search.views import SearchedTable, SearchedView
from pgdex.indexer.terms import stem_of

Connection = psycopg.Connection[tuple[Any, ...]]

# More terms than that find the same chunks, at twice the cost.
TELLING_TERMS: Final = 16
# As BM25's k1: the tenth time says little more than the third.
SATURATION: Final = 1.8


@dataclass(frozen=True, slots=True)
class Seed:
    """The chunk that similarity is measured from."""

    key: ChunkKey
    content: str
    vector: str | None


def seed_at(connection: Connection, view: SearchedView, table: SearchedTable, request: RelatedRequest) -> Seed:
    """The chunk at the request's line. Raises SearchRefused where there is none."""
    path, line = request.path, request.line
    of_files = sql.SQL(
        "from pgdex.view_files e join {} c on c.repository_id = %s and c.version_id = e.version_id"
        " where e.view_id = %s and e.path = %s"
    ).format(sql.Identifier("pgdex", table.name))
    row = connection.execute(
        sql.SQL("select c.version_id, c.ordinal, c.content, case when c.model_id = %s then c.embedding::text end ")
        + of_files
        + sql.SQL(" and %s between c.start_line and c.end_line"),
        [view.model_id, view.repository_id, view.id, path, line],
    ).fetchone()
    if row is not None:
        return Seed((view.repository_id, row[0], row[1]), row[2], row[3])
    last = connection.execute(
        sql.SQL("select max(c.end_line) ") + of_files,
        [view.repository_id, view.id, path],
    ).fetchone()
    if last is None or last[0] is None:
        raise SearchRefused(f"path: {path} is not indexed in {view.root}")
    raise SearchRefused(f"line: {path} has lines 1 to {last[0]} in the index, not {line}")


def telling_terms(seed: Seed, frequencies: Frequencies) -> list[str]:
    """The terms of a chunk that are frequent in it and rare elsewhere."""
    counts = terms_of(seed)
    worth = {
        term: counts[term] / (counts[term] + SATURATION) * frequencies.rarity(frequency)
        for term, frequency in frequencies.by_term.items()
    }
    return sorted(worth, key=lambda term: (-worth[term], term))[:TELLING_TERMS]


def terms_of(seed: Seed) -> Counter[str]:
    """The terms of a chunk, and how often it has each."""
    return Counter(map(stem_of, words(seed.content)))
