"""From ranked files to hits: what is to be shown of them is read, and near-duplicates become one."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final, LiteralString

import psycopg
from psycopg import sql

from pgdex.indexer.lexemes import words
from pgdex.indexer.numbered_parts import joined, split_part
from pgdex.indexer.search.candidates import Candidate, ChunkKey, RankedFile
from pgdex.indexer.search.headlines import headline
from pgdex.indexer.search.query import Query, QueryKind
from pgdex.indexer.search.result import Place, SearchHit
from pgdex.indexer.search.views import SearchedTable, SearchedView

Connection = psycopg.Connection[tuple[Any, ...]]

# Further places of a file: those that score at least half of its best piece would be too many in a large file.
MOST_PLACES: Final = 3
# Of the first files that answer a question, so many pieces are shown with their text: the first of them is the answer
# to 43 of 100 questions of the development set, one of three to 54. A name has one definition.
MANY_PIECES: Final = 3
PIECES_SHOWN: Final = 3
# Words that two pieces must share (Jaccard) to be the same for a reader: copies with another licence or import.
SAME_SHARE: Final = 0.9
# How many files are looked at for each hit that is wanted, since copies take some away.
LOOKED_AT: Final = 3
KEYS: Final = (
    "unnest(%(repositories)s::bigint[], %(versions)s::bigint[], %(ordinals)s::integer[])"
    " as k (repository_id, version_id, ordinal)"
)


def describe(
    connection: Connection,
    candidates: dict[ChunkKey, Candidate],
    tables: Sequence[SearchedTable],
    *,
    query: Query,
) -> list[Candidate]:
    """The candidates that are still there, with what ranking looks at."""
    rows = _rows(
        connection,
        "select c.repository_id, c.version_id, c.ordinal, v.path, v.language, c.kind, c.symbol, c.start_line,"
        " c.end_line, strpos(folded.content, lower(%(phrase)s::text)) > 0,"
        " (select count(*) from unnest(%(runs)s::text[]) as r (run) where strpos(folded.content, r.run) > 0),"
        " c.content ~ %(sought)s::text from {keys}"
        " join {table} c using (repository_id, version_id, ordinal)"
        " join pgdex.versions v on v.id = c.version_id"
        # Once for all texts that are looked for, and not at all for a query without any.
        " left join lateral (select lower(c.content) where %(phrase)s::text is not null offset 0) as folded (content)"
        " on true"
        # The last word: whatever a retriever found, only what a view of the search holds is shown.
        " where exists (select from pgdex.view_files e"
        " where e.version_id = v.id and e.view_id = any(%(views)s::bigint[]))",
        candidates,
        tables,
        asked=query,
    )
    described = []
    for repository_id, version_id, ordinal, *values in rows:
        one = candidates[repository_id, version_id, ordinal]
        one.path, one.language, one.kind, symbol, one.start_line, one.end_line, *says = values
        is_word_for_word, said, says_kind = says
        one.part, one.symbol = split_part(one.path, symbol)
        one.is_word_for_word |= bool(is_word_for_word)
        one.said = said / len(query.runs) if said else 0.0
        one.says_kind = bool(says_kind)
        described.append(one)
    return described


def hits_of(
    connection: Connection,
    ranked: Sequence[RankedFile],
    views: Sequence[SearchedView],
    tables: Sequence[SearchedTable],
    *,
    limit: int,
    query: Query,
) -> list[SearchHit]:
    """The first `limit` files as hits, copies of better ones left out."""
    looked_at = ranked[: limit * LOOKED_AT]
    with_text = ranked[:MANY_PIECES] if query.kind is QueryKind.WORDS and not query.sought_kinds else []
    contents = _contents(
        connection,
        [file.chunks[0].key for file in looked_at]
        + [chunk.key for file in with_text for chunk in file.chunks[1:PIECES_SHOWN]],
        tables,
    )
    known = {view.repository_id: view for view in views}
    hits: list[SearchHit] = []
    bags: list[frozenset[str]] = []
    for file in looked_at:
        best = file.chunks[0]
        content = contents.get(best.key)
        if content is None:  # the file was replaced meanwhile
            continue
        bag = frozenset(words(content))
        copy = next((hit for hit, other in zip(hits, bags, strict=True) if _same(bag, other)), None)
        if copy is not None:
            root = known[best.key[0]].root
            copy.also_in.append(best.path if root == copy.repo_path else f"{root}/{best.path}")
        elif len(hits) < limit:
            hits.append(_hit(file, known[best.key[0]], contents, query))
            bags.append(bag)
    return hits


def _hit(file: RankedFile, view: SearchedView, contents: dict[ChunkKey, str], query: Query) -> SearchHit:
    best = file.chunks[0]
    content = contents[best.key]
    return SearchHit(
        repository=view.name,
        repo_path=view.root,
        path=best.path,
        start_line=best.start_line,
        end_line=best.end_line,
        kind=best.kind,
        symbol=joined(best.part, headline(best, content, query.names)) or None,
        language=best.language,
        score=file.score,
        content=content,
        more=list(_places(file.chunks[1:], contents)),
        also_in=list(file.built),
        reasons=file.reasons,
    )


def _places(chunks: Sequence[Candidate], contents: dict[ChunkKey, str]) -> Iterator[Place]:
    for chunk in chunks[:MOST_PLACES]:
        symbol = joined(chunk.part, chunk.symbol) or None
        yield Place(chunk.start_line, chunk.end_line, symbol, chunk.kind, contents.get(chunk.key))


def _contents(connection: Connection, keys: Sequence[ChunkKey], tables: Sequence[SearchedTable]) -> dict[ChunkKey, str]:
    rows = _rows(
        connection,
        "select repository_id, version_id, ordinal, c.content"
        " from {keys} join {table} c using (repository_id, version_id, ordinal)",
        keys,
        tables,
    )
    return {(repository_id, version_id, ordinal): content for repository_id, version_id, ordinal, content in rows}


def _rows(
    connection: Connection,
    query: LiteralString,
    keys: Collection[ChunkKey],
    tables: Sequence[SearchedTable],
    *,
    asked: Query | None = None,
) -> Iterator[tuple[Any, ...]]:
    """The rows of `query` about chunks with the keys, from each table that has some of them."""
    table_of = {view.repository_id: table.name for table in tables for view in table.views}
    by_table: dict[str, list[ChunkKey]] = {}
    for key in keys:
        by_table.setdefault(table_of[key[0]], []).append(key)
    for name, its in by_table.items():
        statement = sql.SQL(query).format(keys=sql.SQL(KEYS), table=sql.Identifier("pgdex", name))
        # As PostgreSQL writes arrays: as lists, a thousand numbers take psycopg a millisecond.
        repositories, versions, ordinals = (f"{{{','.join(map(str, part))}}}" for part in zip(*its, strict=True))
        yield from connection.execute(
            statement,
            {
                "repositories": repositories,
                "versions": versions,
                "ordinals": ordinals,
                "phrase": asked and asked.phrase,
                "runs": asked.runs if asked else [],
                "sought": asked and asked.sought_words,
                "views": [view_id for table in tables if table.name == name for view_id in table.view_ids],
            },
        ).fetchall()


def _same(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether two pieces have nearly the same words; small ones have too few to tell."""
    if min(len(one), len(other)) < 12 or min(len(one), len(other)) < SAME_SHARE * max(len(one), len(other)):
        return False
    shared = len(one & other)
    return shared >= SAME_SHARE * (len(one) + len(other) - shared)
