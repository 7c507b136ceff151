"""The ways in which chunks are found: by words, by vectors, by the name that they define, by their path."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from pgdex.indexer.embedding import EmbedderError, QueryEmbedder, WeighingEmbedder
from pgdex.indexer.lexemes import words
from pgdex.indexer.search.candidates import Candidate, ChunkKey, Defines
from pgdex.indexer.search.filters import Scope
from pgdex.indexer.search.query import Query, QueryKind
from pgdex.indexer.search.rarity import Frequencies
from pgdex.indexer.search.views import SearchedTable
from pgdex.indexer.terms import declared_term, definition_terms, stem_of, symbol_term, term_id_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Connection = psycopg.Connection[tuple[Any, ...]]

# Of each retriever. With 200 instead of 100 the whole trees of the set own gain 0.008 of NDCG@10, for 2 ms: where most
# chunks have all words of a question, the right one is not among the first hundred.
RETRIEVER_LIMIT = 200
MOST_DEFINITIONS = 100
MOST_PATHS = 20
MOST_QUOTED = 100
# Chunks with all words of a text without quotes that are read for it: 5 ms for most messages in 580,000 chunks, and 40
# for one whose words stand everywhere.
MOST_READ = 2000


@dataclass(slots=True)
class Candidates:
    """The chunks found so far, by their keys."""

    found: dict[ChunkKey, Candidate] = field(default_factory=dict)

    def at(self, repository_id: int, version_id: int, ordinal: int) -> Candidate:
        """The candidate of this chunk, a new one if there is none yet."""
        key = (repository_id, version_id, ordinal)
        return self.found.setdefault(key, Candidate(key))


def find_words(
    connection: Connection,
    table: SearchedTable,
    terms: Sequence[str],
    scope: Scope,
    candidates: Candidates,
    *,
    frequencies: Frequencies | None = None,
) -> None:
    """The chunks with the terms, by BM25; `frequencies` of all of them, where they are known."""
    by_term_id = {term_id_of(term): term for term in terms}  # two terms may share a term_id
    rows = connection.execute(
        "select repository_id, version_id, ordinal, score"
        " from pgdex.search_lexical(%s::bigint[], %s::integer[], %s::integer[], %s::bigint[], %s, %s::bigint[], %s,"
        " %s, p_frequencies => %s::double precision[], p_total => %s)",
        [
            table.repository_ids,
            list(by_term_id),
            [term_id_of(symbol_term(term)) for term in by_term_id.values()],
            scope.versions,
            scope.chunks,
            scope.outside,
            scope.kinds,
            RETRIEVER_LIMIT,
            frequencies and [frequencies.by_term[term] for term in by_term_id.values()],
            frequencies and frequencies.total,
        ],
    ).fetchall()
    for *key, score in rows:
        candidates.at(*key).lexical = score


def find_vectors(
    connection: Connection,
    table: SearchedTable,
    vector: str,
    scope: Scope,
    candidates: Candidates,
) -> None:
    """The chunks whose vectors are nearest to one, which is given as PostgreSQL writes it.

    Those that words have found already tell whether the vector index misses a part: if one of them is nearer than
    the tenth that it finds.
    """
    repositories = set(table.repository_ids)
    known = [one.key for one in candidates.found.values() if one.lexical and one.key[0] in repositories]
    rows = connection.execute(
        "select repository_id, version_id, ordinal, score"
        " from pgdex.search_vectors(%s::bigint[], %s::smallint, %s, %s, %s::bigint[], %s, %s::bigint[], %s, %s,"
        " p_known_versions => %s::bigint[], p_known_ordinals => %s::integer[])",
        [
            table.repository_ids,
            table.model_id,
            table.embedding_dimension,
            vector,
            scope.versions,
            scope.chunks,
            scope.outside,
            scope.kinds,
            RETRIEVER_LIMIT,
            # As PostgreSQL writes arrays, which takes psycopg less time than lists.
            f"{{{','.join(str(version_id) for _, version_id, _ in known)}}}",
            f"{{{','.join(str(ordinal) for _, _, ordinal in known)}}}",
        ],
    ).fetchall()
    for *key, score in rows:
        if score > 0:
            candidates.at(*key).similarity = score


def find_definitions(
    connection: Connection,
    table: SearchedTable,
    names: Iterable[str],
    scope: Scope,
    candidates: Candidates,
    *,
    sought: frozenset[str] = frozenset(),
) -> None:
    """The chunks that define one of the names; those of the kinds `sought` also where it has very many definitions, as
    `Error` has in Go."""
    asked = [terms for terms in map(definition_terms, names) if terms is not None]
    scopes = [scope] if scope.kinds is not None or not sought else [scope, replace(scope, kinds=sorted(sought))]
    for one in scopes:
        for key, is_exact in _defining(
            connection, table, [exact for exact, _ in asked], [folded for _, folded in asked], one
        ):
            candidates.at(*key).defines = Defines.EXACTLY if is_exact else Defines.FOLDED


def find_declarations(
    connection: Connection,
    tables: Sequence[SearchedTable],
    names: Iterable[str],
    scopes: Sequence[Scope],
    candidates: Candidates,
) -> None:
    """The chunks that declare one of the names or pass it on, where no chunk found defines one as it is spelled."""
    asked = [term for term in map(declared_term, names) if term is not None]
    if any(one.defines is Defines.EXACTLY for one in candidates.found.values()):
        return
    for table, scope in zip(tables, scopes, strict=True):
        for key, _ in [] if scope.is_empty else _defining(connection, table, asked, [], scope):
            candidates.at(*key).defines = Defines.DECLARED


def _defining(
    connection: Connection, table: SearchedTable, exact: Sequence[str], folded: Sequence[str], scope: Scope
) -> Iterator[tuple[ChunkKey, bool]]:
    """The chunks with one of some terms for definitions, and whether they have one of `exact`."""
    if not exact:
        return
    rows = connection.execute(
        "select repository_id, version_id, ordinal, is_exact from"
        " pgdex.search_definitions(%s::bigint[], %s::integer[], %s::integer[], %s::bigint[], %s::bigint[], %s, %s)",
        [
            table.repository_ids,
            list(map(term_id_of, exact)),
            list(map(term_id_of, folded)),
            scope.versions,
            scope.outside,
            scope.kinds,
            MOST_DEFINITIONS,
        ],
    )
    for repository_id, version_id, ordinal, is_exact in rows:
        yield (repository_id, version_id, ordinal), is_exact


def find_paths(
    connection: Connection, table: SearchedTable, query: Query, scope: Scope, candidates: Candidates
) -> None:
    """The files whose path the query is a part of; only where the query looks like one, and no kind is asked for."""
    if query.kind is not QueryKind.PATH or scope.kinds is not None:
        return
    rows = connection.execute(
        "select repository_id, version_id, ordinal from pgdex.search_paths(%s::bigint[], %s, %s::bigint[], %s)",
        [
            table.view_ids,
            query.text.strip().removeprefix("./"),
            scope.versions,
            MOST_PATHS,
        ],
    )
    for key in rows:
        candidates.at(*key).path_is_asked_for = True


def find_quoted(
    connection: Connection, table: SearchedTable, query: Query, scope: Scope, candidates: Candidates
) -> None:
    """The chunks that have a text word for word, in any letter case: a whole query in quotes, or what may be a message.

    A message of common words is not among the best by them: each chunk that has all of them is as good.
    """
    if query.phrase is None or not (query.is_quoted or query.may_be_message):
        return
    terms = list(dict.fromkeys(term_id_of(stem_of(word)) for word in words(query.phrase)))
    if not terms:
        return
    rows = connection.execute(
        sql.SQL(
            "select c.repository_id, c.version_id, c.ordinal from"
            " (select * from {table} c where c.lexemes @> %(terms)s::integer[]"
            " and c.repository_id = any(%(repositories)s::bigint[])"
            # In CASE for the planner's sake, as pgdex.version_condition has it.
            " and (%(versions)s::bigint[] is null"
            " or case when c.version_id = any(%(versions)s::bigint[]) then true else false end)"
            " and (%(outside)s::bigint[] is null"
            " or case when c.version_id = any(%(outside)s::bigint[]) then false else true end)"
            " and (%(kinds)s::text[] is null or c.kind = any(%(kinds)s::text[]))"
            " limit %(read)s) c"
            " where strpos(lower(c.content), lower(%(phrase)s)) > 0"
            " order by c.version_id, c.ordinal limit %(limit)s"
        ).format(table=sql.Identifier("pgdex", table.name)),
        {
            "terms": terms,
            "read": None if query.is_quoted else MOST_READ,
            "phrase": query.phrase,
            "repositories": table.repository_ids,
            "versions": scope.versions,
            "outside": scope.outside,
            "kinds": scope.kinds,
            "limit": MOST_QUOTED,
        },
    )
    for key in rows:
        candidates.at(*key).is_word_for_word = True


class QueryVectors:
    """The vector of a query for each model, made once; by an embedder that weighs words, once for each table."""

    def __init__(self, text: str, open_embedder: Callable[[str], QueryEmbedder]) -> None:
        self._text = text
        self._open = open_embedder
        self._vectors: dict[str, str | WeighingEmbedder | EmbedderError] = {}

    def prepare(self, model: str) -> None:
        """Make the vector, if it is the same wherever it is looked for: a service may take its time, and one that does
        not answer is asked once."""
        if model not in self._vectors:
            try:
                embedder = self._open(model)
                self._vectors[model] = (
                    embedder
                    if isinstance(embedder, WeighingEmbedder)
                    else vector_text(embedder.embed_query(self._text))
                )
            except EmbedderError as error:
                self._vectors[model] = error

    def of(self, model: str, frequencies: Frequencies) -> str | EmbedderError:
        """As PostgreSQL writes it, or why there is none; `frequencies` are those of the words there."""
        self.prepare(model)
        made = self._vectors[model]
        if not isinstance(made, WeighingEmbedder):
            return made
        try:
            return vector_text(made.embed_weighted(self._text, frequencies.weights(self._text)))
        except EmbedderError as error:
            return error


def vector_text(vector: "NDArray[np.float32] | list[float]") -> str:
    """A vector as PostgreSQL writes it."""
    numbers = vector if isinstance(vector, list) else vector.tolist()
    return f"[{','.join(map(str, numbers))}]"
