"""Searching, as all front ends do it: the same arguments mean the same, and the same answers come with the same
notes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pgdex.jobs.client.freshness import FrontEndWords, coverage_notes, gone_roots, outdated_paths
from pgdex.jobs.errors import InvalidRequest

if TYPE_CHECKING:
    from pgdex.indexer.search import RelatedRequest, SearchHit, SearchRequest, SearchResult
    from pgdex.jobs.client.client import Client


@dataclass(frozen=True, slots=True)
class Found:
    """Hits, best first; notes on how complete and how new they are; the files of them that have changed since."""

    hits: "list[SearchHit]"
    notes: list[str]
    outdated: set[tuple[str, str]] = field(default_factory=set)


@contextmanager
def refusals() -> Iterator[None]:
    """What a request or a search refuses in this block is raised as InvalidRequest; its message names the argument."""
    from pgdex.indexer.search import SearchRefused

    try:
        yield
    except SearchRefused as error:
        raise InvalidRequest(str(error)) from None


def search_code(client: "Client", request: "SearchRequest", *, words: FrontEndWords) -> Found:
    """The files that answer the request. `words` are the front end's, for the notes. Raises InvalidRequest."""
    from pgdex.indexer.search import search
    from pgdex.jobs.embedders import embedder_for

    live = live_views(client, project=request.project_id)
    with refusals():
        result = search(client.connection, request, open_embedder=lambda spec: embedder_for(spec, client.settings))
    return _found(client, request, result, live, words=words)


def related_code(client: "Client", request: "RelatedRequest", *, words: FrontEndWords) -> Found:
    """What is like the code at the request's place. Raises InvalidRequest."""
    from pgdex.indexer.search import related

    live = live_views(client, project=request.project_id)
    with refusals():
        result = related(client.connection, request)
    return _found(client, request, result, live, words=words)


def live_views(client: "Client", *, project: str) -> dict[str, str]:
    """By its root, the status of the live job of each view of a project that has one.

    Asked before a search: a job that ends meanwhile was not done when the search looked.
    """
    rows = client.connection.execute(
        "select v.root, j.status from pgdex.indexing_jobs j join pgdex.views v on v.id = j.view_id"
        " where v.project_id = %s and v.removed_at is null and pgdex.is_live(j.status)",
        [project],
    )
    return dict(rows.fetchall())


def _found(
    client: "Client",
    request: "SearchRequest | RelatedRequest",
    result: "SearchResult",
    live: dict[str, str],
    *,
    words: FrontEndWords,
) -> Found:
    outdated = outdated_paths(client, result.hits, project=request.project_id)
    notes = coverage_notes(client, request, result, outdated, live, words=words)
    gone = gone_roots(client, {hit.repo_path for hit in result.hits})
    hits = sorted(result.hits, key=lambda hit: hit.repo_path in gone)  # a stable sort: the order is kept otherwise
    return Found(hits, notes, outdated)
