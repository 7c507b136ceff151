"""The two questions that can be asked of an index: what answers a query, and what is like a place in the code."""

from collections.abc import Callable, Sequence
from typing import Any

import psycopg

from pgdex.indexer.embedding import EmbedderError, QueryEmbedder
from pgdex.indexer.search.absent import words_that_are_absent
from pgdex.indexer.search.filter_notes import notes_on_nothing
from pgdex.indexer.search.filters import scopes_of
from pgdex.indexer.search.hits import describe, hits_of
from pgdex.indexer.search.query import Query, QueryKind, understand
from pgdex.indexer.search.ranking import rank
from pgdex.indexer.search.rarity import Frequencies, frequencies_of
from pgdex.indexer.search.related import Seed, seed_at, telling_terms, terms_of
from pgdex.indexer.search.request import RelatedRequest, SearchRequest
from pgdex.indexer.search.result import ALL_RETRIEVERS, Retriever, SearchHit, SearchRefused, SearchResult
from pgdex.indexer.search.retrievers import (
    Candidates,
    QueryVectors,
    find_declarations,
    find_definitions,
    find_paths,
    find_quoted,
    find_vectors,
    find_words,
)
from pgdex.indexer.search.snapshots import in_one_snapshot
from pgdex.indexer.search.views import (
    SearchedTable,
    SearchedView,
    searched_models,
    searched_tables,
    searched_views,
    view_at,
)

Connection = psycopg.Connection[tuple[Any, ...]]

ALIKE = frozenset({"file names", "kinds of pieces", "messages"})  # rules about what a query says: a place says nothing


def search(
    connection: Connection,
    request: SearchRequest,
    *,
    open_embedder: Callable[[str], QueryEmbedder],
    retrievers: Sequence[Retriever] = ALL_RETRIEVERS,
    without_rules: frozenset[str] = frozenset(),
) -> SearchResult:
    """The files of a project that answer the request's query, best first, each with the piece of it that answers best.

    `retrievers` says what is compared, `without_rules` leaves out rules of the ranking, to see what they bring. Where
    the embedding model of a repository can't be used now, its words are still searched, and a note says so.
    """
    understood = understand(request.query)
    vectors = QueryVectors(request.query, open_embedder)
    if "vectors" in retrievers:
        # A service may take its time: no transaction is open meanwhile.
        for model in searched_models(connection, request):
            vectors.prepare(model)

    def look() -> SearchResult:
        views = searched_views(connection, request)
        notes: list[str] = []
        candidates = Candidates()
        every_frequency: list[Frequencies] = []
        tables = searched_tables(views)
        scopes, filter_notes = scopes_of(connection, request.filters, tables)
        for table, scope in zip(tables, scopes, strict=True):
            if scope.is_empty:
                continue
            frequencies = frequencies_of(connection, table, understood.terms)
            every_frequency.append(frequencies)
            if "words" in retrievers:
                find_words(connection, table, understood.terms, scope, candidates, frequencies=frequencies)
                find_definitions(
                    connection, table, understood.all_names, scope, candidates, sought=understood.sought_kinds
                )
                find_paths(connection, table, understood, scope, candidates)
                find_quoted(connection, table, understood, scope, candidates)
            if "vectors" in retrievers and table.embedding_model is not None:
                vector = vectors.of(table.embedding_model, frequencies)
                if isinstance(vector, EmbedderError):
                    notes += [f"Only words were searched in {one.root}: {vector}" for one in table.views]
                else:
                    find_vectors(connection, table, vector, scope, candidates)
        if "words" in retrievers:
            find_declarations(connection, tables, understood.all_names, scopes, candidates)
        if "words" in retrievers and (candidates.found or not request.filters.narrow_anything):
            absent = words_that_are_absent(understood, candidates, every_frequency)
            if absent is not None:
                notes.append(absent.note)
                if absent.is_all:
                    candidates.found.clear()
        hits = _ranked_hits(
            connection, understood, candidates, views, tables, limit=request.limit, without=without_rules
        )
        if not hits:
            filter_notes += notes_on_nothing(connection, request.filters, views, scopes)
        return SearchResult(hits, notes + filter_notes, views)

    return in_one_snapshot(connection, look)


def related(connection: Connection, request: RelatedRequest) -> SearchResult:
    """What is like the piece of code at a line of a file: it does similar things, uses the same words, or defines what
    is used there. Looks in the request's repository only.

    Raises SearchRefused where the index has no such place.
    """
    return in_one_snapshot(connection, lambda: _related(connection, request))


def _related(connection: Connection, request: RelatedRequest) -> SearchResult:
    view = view_at(connection, request)
    if view is None:
        raise SearchRefused(f"repo_path: {request.root} is not indexed in project {request.project_id}")
    views = [view]
    tables = searched_tables(views)
    if not tables:
        raise SearchRefused(f"path: {request.path} is not indexed in {request.root}")
    (table,) = tables
    seed: Seed = seed_at(connection, view, table, request)
    query = Query(seed.content, QueryKind.CODE)
    scope = request.filters.within(connection, table.views)
    candidates = Candidates()
    frequencies = frequencies_of(connection, table, list(terms_of(seed)))
    find_words(connection, table, telling_terms(seed, frequencies), scope, candidates, frequencies=frequencies)
    find_definitions(connection, table, query.names, scope, candidates)
    if seed.vector is not None:
        find_vectors(connection, table, seed.vector, scope, candidates)
    candidates.found.pop(seed.key, None)
    hits = _ranked_hits(connection, query, candidates, views, tables, limit=request.limit, without=ALIKE)
    return SearchResult(hits, [], views)


def _ranked_hits(
    connection: Connection,
    query: Query,
    candidates: Candidates,
    views: Sequence[SearchedView],
    tables: Sequence[SearchedTable],
    *,
    limit: int,
    without: frozenset[str],
) -> list[SearchHit]:
    described = describe(connection, candidates.found, tables, query=query)
    ranked = rank(query, described, without=without)
    return hits_of(connection, ranked, views, tables, limit=limit, query=query)
