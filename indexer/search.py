"""Search: words and vectors, each ranked in the database, fused by their ranks."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import psycopg

from indexer.embedding import Embedder, EmbedderError
from indexer.globs import glob_regex
from indexer.lexemes import query_words

Connection = psycopg.Connection[tuple[Any, ...]]
Leg = Literal["words", "vectors"]
BOTH_LEGS: tuple[Leg, ...] = ("words", "vectors")
ChunkKey = tuple[int, int, int]  # repository, file, ordinal

LEG_LIMIT = 100  # candidates of each leg: deeper ones never reached the first ten in the development set
# Reciprocal rank fusion (Cormack, Clarke, Büttcher 2009), with its customary constant.
RANK_CONSTANT = 60.0


@dataclass(frozen=True, slots=True)
class SearchHit:
    """One chunk that answers the query; `score` orders the hits of one search and means nothing else."""

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


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Hits, best first, and what a reader should know about how complete they are."""

    hits: list[SearchHit]
    notes: list[str]


@dataclass(frozen=True, slots=True)
class SearchedRepository:
    """A repository that takes part in a search."""

    id: int
    name: str
    root: str
    embedding_model: str | None
    embedding_dimension: int | None
    model_id: int | None
    live_status: str | None


@dataclass(frozen=True, slots=True)
class Filters:
    """What narrows a search, as the database understands it."""

    path_regex: str | None
    language: str | None


def search(
    connection: Connection,
    query: str,
    *,
    project_id: str,
    open_embedder: Callable[[str], Embedder],
    repo: str | None = None,
    path_glob: str | None = None,
    language: str | None = None,
    limit: int = 10,
    legs: Sequence[Leg] = BOTH_LEGS,
) -> SearchResult:
    """The chunks of a project that answer `query`, best first.

    `repo` is a repository's path, a folder above it, or a part of its name; `legs` says what is compared. Where the
    embedding model of a repository can't be used now, its words are still searched, and a note says so. Raises
    ValueError for an empty query, a limit below 1 or an empty glob.
    """
    if not query.strip():
        raise ValueError("the query is empty: give words, an identifier or a question")
    if limit < 1:
        raise ValueError(f"limit must be at least 1, got {limit}")
    filters = Filters(glob_regex(path_glob) if path_glob else None, language.lower() if language else None)
    repositories = _repositories(connection, project_id=project_id, repo=repo)
    notes = _coverage_notes(repositories, project_id=project_id, repo=repo)

    words = query_words(query) if "words" in legs else []
    lexical: list[tuple[ChunkKey, float]] = []
    nearest: list[tuple[ChunkKey, float]] = []
    for repository in repositories:
        lexical += _lexical_leg(connection, repository, words, filters)
        if "vectors" not in legs:
            continue
        try:
            nearest += _vector_leg(connection, repository, query, filters, open_embedder)
        except EmbedderError as error:
            notes.append(f"Only words were searched in {repository.root}: {error}")
    fused = _fused([_by_score(lexical), _by_score(nearest)])
    best = sorted(fused, key=lambda key: (-fused[key], key))[:limit]
    return SearchResult(hits=_hits(connection, best, fused), notes=notes)


def _repositories(connection: Connection, *, project_id: str, repo: str | None) -> list[SearchedRepository]:
    rows = connection.execute(
        "select r.id, r.name, r.root, r.embedding_model, r.embedding_dimension, r.model_id,"
        " (select j.status from pgdex.indexing_jobs j"
        "  where j.repository_id = r.id and j.status in ('pending', 'running', 'blocked'))"
        " from pgdex.repositories r where r.project_id = %(project)s and (%(repo)s::text is null"
        " or r.root = %(repo)s or starts_with(r.root, rtrim(%(repo)s, '/') || '/')"
        " or strpos(lower(r.name), lower(%(repo)s)) > 0) order by r.id",
        {"project": project_id, "repo": repo},
    )
    return [SearchedRepository(*row) for row in rows]


def _coverage_notes(repositories: Sequence[SearchedRepository], *, project_id: str, repo: str | None) -> list[str]:
    if not repositories:
        what = f"No repository of project {project_id} matches {repo!r}" if repo else f"Project {project_id} is empty"
        return [f"{what}. Index one with: pgdex index PATH"]
    return [
        f"{repository.root} is being indexed ({repository.live_status}): the answers may be incomplete"
        for repository in repositories
        if repository.live_status is not None
    ]


def _lexical_leg(
    connection: Connection, repository: SearchedRepository, words: Sequence[str], filters: Filters
) -> list[tuple[ChunkKey, float]]:
    if not words:
        return []
    rows = connection.execute(
        "select file_id, ordinal, score from pgdex.search_lexical(%s, %s::text[], %s, %s, %s)",
        [repository.id, list(words), filters.path_regex, filters.language, LEG_LIMIT],
    )
    return [((repository.id, file_id, ordinal), score) for file_id, ordinal, score in rows]


def _vector_leg(
    connection: Connection,
    repository: SearchedRepository,
    query: str,
    filters: Filters,
    open_embedder: Callable[[str], Embedder],
) -> list[tuple[ChunkKey, float]]:
    if repository.embedding_model is None:
        return []
    vector = open_embedder(repository.embedding_model).embed_query(query)
    rows = connection.execute(
        "select file_id, ordinal, score from pgdex.search_vectors(%s, %s::smallint, %s, %s, %s, %s, %s)",
        [
            repository.id,
            repository.model_id,
            repository.embedding_dimension,
            f"[{','.join(map(str, vector.tolist()))}]",
            filters.path_regex,
            filters.language,
            LEG_LIMIT,
        ],
    )
    return [((repository.id, file_id, ordinal), score) for file_id, ordinal, score in rows]


def _by_score(leg: Iterable[tuple[ChunkKey, float]]) -> list[ChunkKey]:
    return [key for key, _ in sorted(leg, key=lambda entry: (-entry[1], entry[0]))][:LEG_LIMIT]


def _fused(legs: Iterable[Sequence[ChunkKey]]) -> dict[ChunkKey, float]:
    scores: dict[ChunkKey, float] = {}
    for leg in legs:
        for rank, key in enumerate(leg, start=1):
            scores[key] = scores.get(key, 0.0) + 1.0 / (RANK_CONSTANT + rank)
    return scores


def _hits(connection: Connection, best: Sequence[ChunkKey], scores: dict[ChunkKey, float]) -> list[SearchHit]:
    rows = connection.execute(
        "select c.repository_id, c.file_id, c.ordinal, r.name, r.root, f.path, c.start_line, c.end_line,"
        " c.kind, c.symbol, f.language, c.content"
        " from unnest(%s::bigint[], %s::bigint[], %s::integer[]) as k (repository_id, file_id, ordinal)"
        " join pgdex.chunks c using (repository_id, file_id, ordinal)"
        " join pgdex.files f on f.id = c.file_id"
        " join pgdex.repositories r on r.id = c.repository_id",
        [list(part) for part in zip(*best, strict=True)] if best else [[], [], []],
    ).fetchall()
    found = {
        (row[0], row[1], row[2]): SearchHit(
            repository=row[3],
            repo_path=row[4],
            path=row[5],
            start_line=row[6],
            end_line=row[7],
            kind=row[8],
            symbol=row[9],
            language=row[10],
            score=scores[row[0], row[1], row[2]],
            content=row[11],
        )
        for row in rows
    }
    # A file may have been replaced between the legs and this look: its chunks are then gone.
    return [found[key] for key in best if key in found]
