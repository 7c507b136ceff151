"""Searching, as all front ends do it: the same arguments mean the same, and the same answers come with the same
notes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pgdex.jobs.client.freshness import FrontEndWords, coverage_notes, gone_roots, outdated_paths
from pgdex.jobs.client.standing import standing_at
from pgdex.jobs.errors import InvalidRequest

if TYPE_CHECKING:
    from pgdex.indexer.search import RelatedRequest, SearchHit, SearchRequest, SearchResult
    from pgdex.jobs.client.client import Client


@dataclass(frozen=True, slots=True)
class Found:
    """Hits, best first; notes on how complete and how new they are; the files of them that have changed since, by
    repository path and path."""

    hits: "list[SearchHit]"
    notes: list[str]
    outdated: set[tuple[str, str]] = field(default_factory=set)
    searched: list[str] = field(default_factory=list)
    """The folders that were searched."""


@contextmanager
def refusals() -> Iterator[None]:
    """What a request or a search refuses in this block is raised as InvalidRequest; its message names the argument."""
    from pgdex.indexer.search import SearchRefused

    try:
        yield
    except SearchRefused as error:
        raise InvalidRequest(str(error)) from None


def search_code(
    client: "Client", request: "SearchRequest", *, words: FrontEndWords, standing_in: Path | None = None
) -> Found:
    """The files that answer the request. `words` are the front end's, for the notes.

    A request that names no repository and no view is about the view that contains `standing_in`, if there is one.
    Raises InvalidRequest.
    """
    from pgdex.indexer.search import search
    from pgdex.jobs.embedders import embedder_for

    standing: list[str] = []
    if standing_in is not None and request.repo is None and request.view is None:
        found_at = standing_at(client.connection, standing_in, project=request.project_id)
        if found_at is not None:
            request = replace(request, repo=found_at.root)
            standing = found_at.note_on_nothing(widen=words.widen)
    live = live_views(client, project=request.project_id)
    with refusals():
        result = search(client.connection, request, open_embedder=lambda spec: embedder_for(spec, client.settings))
    found = _found(client, request, result, live, words=words)
    return found if found.hits else replace(found, notes=[*found.notes, *standing])


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
    return Found(hits, notes, outdated, [view.root for view in result.views])
