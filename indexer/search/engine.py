"""The two questions that can be asked of an index: what answers a query, and what is like a place in the code."""

from collections.abc import Callable, Sequence
from typing import Any

import psycopg

from indexer.embedding import Embedder, EmbedderError
from indexer.search.filter_notes import notes_on_nothing
from indexer.search.filters import Filters, scopes_of
from indexer.search.hits import describe, hits_of
from indexer.search.legs import Candidates, QueryVectors, find_definitions, find_paths, find_vectors, find_words
from indexer.search.likeness import Seed, seed_at, telling_terms
from indexer.search.query import Query, QueryKind, check_query, check_text, understand
from indexer.search.ranking import rank
from indexer.search.repositories import SearchedRepository, live_notes, searched_repositories
from indexer.search.result import BOTH_LEGS, Leg, SearchHit, SearchRefused, SearchResult

Connection = psycopg.Connection[tuple[Any, ...]]

ALIKE = frozenset({"file names", "folder names"})  # rules about what a query says: a place says nothing


def search(
    connection: Connection,
    query: str,
    *,
    project_id: str,
    open_embedder: Callable[[str], Embedder],
    repo: str | None = None,
    path_glob: str | None = None,
    language: str | None = None,
    kinds: Sequence[str] = (),
    tests: str = "in",
    limit: int = 10,
    legs: Sequence[Leg] = BOTH_LEGS,
    without_rules: frozenset[str] = frozenset(),
) -> SearchResult:
    """The files of a project that answer `query`, best first, each with the piece of it that answers best.

    `repo` is a repository's path, a folder above it, or a part of its name; `kinds` are kinds of symbols (function,
    class, …); `tests` says whether tests take part (in, out or only). `legs` says what is compared, `without_rules`
    leaves out rules of the ranking, to see what they bring. Where the embedding model of a repository can't be used
    now, its words are still searched, and a note says so.
    Raises SearchRefused for an empty query, a limit below 1, and what Filters refuses.
    """
    check_query(query)
    for argument, text in (("repo_path", repo), ("path_glob", path_glob), ("language", language)):
        check_text(argument, text)
    if limit < 1:
        raise SearchRefused(f"limit: it must be at least 1, got {limit}")
    filters = Filters.of(path_glob=path_glob, language=language, kinds=kinds, tests=tests)
    repositories = searched_repositories(connection, project_id=project_id, repo=repo)
    notes = live_notes(repositories)
    understood = understand(query)
    vectors = QueryVectors(query, open_embedder)
    candidates = Candidates()
    scopes, filter_notes = scopes_of(connection, filters, repositories)
    for repository, scope in zip(repositories, scopes, strict=True):
        if scope.is_empty:
            continue
        if "words" in legs:
            find_words(connection, repository, understood.terms, scope, candidates)
            find_definitions(connection, repository, understood.all_names, scope, candidates)
            find_paths(connection, repository, understood, scope, candidates)
        if "vectors" in legs and repository.embedding_model is not None:
            vector = vectors.of(repository.embedding_model)
            if isinstance(vector, EmbedderError):
                notes.append(f"Only words were searched in {repository.root}: {vector}")
            else:
                find_vectors(connection, repository, vector, scope, candidates)
    hits = _ranked_hits(connection, understood, candidates, repositories, limit=limit, without=without_rules)
    if not hits:
        filter_notes += notes_on_nothing(connection, filters, repositories, scopes)
    return SearchResult(hits, notes + filter_notes)


def related(
    connection: Connection,
    *,
    project_id: str,
    root: str,
    path: str,
    line: int,
    tests: str = "in",
    limit: int = 10,
) -> SearchResult:
    """What is like the piece of code at a line of a file: it does similar things, uses the same words, or defines what
    is used there. Looks in the repository at `root` only.

    Raises SearchRefused where the index has no such place.
    """
    for argument, text in (("repo_path", root), ("path", path)):
        check_text(argument, text)
    repositories = [
        one for one in searched_repositories(connection, project_id=project_id, repo=root) if one.root == root
    ]
    if not repositories:
        raise SearchRefused(f"repo_path: {root} is not indexed in project {project_id}")
    repository = repositories[0]
    seed: Seed = seed_at(connection, repository, path=path, line=line)
    query = Query(seed.content, QueryKind.CODE)
    scope = Filters.of(tests=tests).within(connection, repository.id)
    candidates = Candidates()
    find_words(connection, repository, telling_terms(connection, repository, seed), scope, candidates)
    find_definitions(connection, repository, query.names, scope, candidates)
    if seed.vector is not None:
        find_vectors(connection, repository, seed.vector, scope, candidates)
    candidates.found.pop(seed.key, None)
    hits = _ranked_hits(connection, query, candidates, repositories, limit=limit, without=ALIKE)
    return SearchResult(hits, live_notes(repositories))


def _ranked_hits(
    connection: Connection,
    query: Query,
    candidates: Candidates,
    repositories: Sequence[SearchedRepository],
    *,
    limit: int,
    without: frozenset[str],
) -> list[SearchHit]:
    ranked = rank(query, describe(connection, candidates.found), without=without)
    return hits_of(connection, ranked, repositories, limit=limit)
