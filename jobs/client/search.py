"""Searching, as all front ends do it: the same arguments mean the same, and the same answers come with the same
notes."""

import os
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pgdex.jobs.client.freshening import Look, freshen, whole_look
from pgdex.jobs.client.freshness import FrontEndWords, coverage_notes, gone_roots, outdated_paths
from pgdex.jobs.client.standing import standing_at, unindexed_repository, views_now_on
from pgdex.jobs.client.views import only_view
from pgdex.jobs.errors import InvalidRequest

if TYPE_CHECKING:
    from pgdex.indexer.search import RelatedRequest, SearchHit, SearchRequest, SearchResult
    from pgdex.jobs.client.client import Client
    from pgdex.jobs.client.models import IndexedView


@dataclass(frozen=True, slots=True)
class Found:
    """Hits, best first; notes on how complete and how new they are; the files of them that have changed since, by
    repository path and path (all of those whose folder is gone)."""

    hits: "list[SearchHit]"
    notes: list[str]
    outdated: set[tuple[str, str]] = field(default_factory=set)
    searched: list[str] = field(default_factory=list)
    """The folders that were searched."""
    gone: set[str] = field(default_factory=set)
    """The folders of hits that were moved or deleted."""

    def mark_of(self, hit: "SearchHit") -> str | None:
        """What a reader must know before they trust a hit: its file is "outdated", or its whole folder "gone"."""
        if hit.repo_path in self.gone:
            return "gone"
        return "outdated" if (hit.repo_path, hit.path) in self.outdated else None


@contextmanager
def refusals() -> Iterator[None]:
    """What a request or a search refuses in this block is raised as InvalidRequest; its message names the argument."""
    from pgdex.indexer.search import SearchRefused

    try:
        yield
    except SearchRefused as error:
        raise InvalidRequest(str(error)) from None


def search_code(
    client: "Client",
    request: "SearchRequest",
    *,
    words: FrontEndWords,
    standing_in: Path | None = None,
    ensure_workers: Callable[[], object] = lambda: None,
    look: Look = whole_look,
) -> Found:
    """The files that answer the request. `words` are the front end's, for the notes.

    A request that names no repository and no view is about the view that contains `standing_in`, if there is one. If it
    is about one view, what has changed in that is indexed first (see `freshen`, for `ensure_workers` and `look`).
    Raises InvalidRequest.
    """
    from pgdex.indexer.search import search
    from pgdex.indexer.search.views import searched_views
    from pgdex.jobs.embedders import query_embedder_for

    if request.view is not None and not searched_views(client.connection, request):
        # A branch that was made and checked out since changes no file, so no job has noted its name yet.
        now_on = views_now_on(client.connection, request.view, project=request.project_id)
        if len(now_on) == 1 and request.repo in (None, now_on[0].root):
            request = replace(request, repo=now_on[0].root, view=None)
    standing = None
    if standing_in is not None and request.repo is None and request.view is None:
        standing = standing_at(client.connection, standing_in, project=request.project_id)
        if standing is not None:
            request = replace(request, repo=standing.view.root)
    view = only_view(client.connection, request) if standing is None else standing.view
    fresh, live = _freshen(client, view, ensure_workers, look, project=request.project_id)
    with refusals():
        result = search(
            client.connection, request, open_embedder=lambda spec: query_embedder_for(spec, client.settings)
        )
    found = _found(client, request, result, live, fresh, words=words)
    if standing is None:
        asked = request.repo is not None or request.view is not None
        unknown = None if asked or standing_in is None else unindexed_repository(standing_in)
        return found if unknown is None else replace(found, notes=[_searched_all(unknown, words), *found.notes])
    notes = [*standing.note_on_worktree(index=words.index), *found.notes]
    if not found.hits:
        notes += standing.note_on_nothing(client.connection, project=request.project_id, widen=words.widen)
    return replace(found, notes=notes)


def _searched_all(root: str, words: FrontEndWords) -> str:
    how = words.index.replace("PATH", shlex.quote(root))
    return f"{root} is not indexed: the whole project was searched. Index it with: {how}"


def related_code(
    client: "Client",
    request: "RelatedRequest",
    *,
    words: FrontEndWords,
    ensure_workers: Callable[[], object] = lambda: None,
    look: Look = whole_look,
) -> Found:
    """What is like the code at the request's line; looks and notes are those of a search.

    The root may be any folder of an indexed one, or of a worktree whose repository is indexed, and the path may be
    absolute. Raises InvalidRequest.
    """
    from pgdex.indexer.search import related

    request, where = _located(client, request, words)
    view = only_view(client.connection, request)
    fresh, live = _freshen(client, view, ensure_workers, look, project=request.project_id)
    with refusals():
        result = related(client.connection, request)
    return _found(client, request, result, live, [*where, *fresh], words=words)


def _located(client: "Client", request: "RelatedRequest", words: FrontEndWords) -> "tuple[RelatedRequest, list[str]]":
    """The request with the view's root and a path in it, and what to say of that."""
    from pgdex.indexer.search.views import view_at

    is_view = view_at(client.connection, request) is not None
    if is_view and not os.path.isabs(request.path):
        return request, []
    file = Path(request.root) / request.path
    standing = standing_at(client.connection, file.parent, project=request.project_id)
    if standing is None or (is_view and standing.view.root != request.root):
        return request, []
    located = replace(request, root=standing.view.root, path=standing.path_of(file))
    return located, standing.note_on_worktree(index=words.index)


def _freshen(
    client: "Client", view: "IndexedView | None", ensure_workers: Callable[[], object], look: Look, *, project: str
) -> tuple[list[str], dict[str, str]]:
    """What to say of the look at the view, and the live jobs (see live_views) that results may lack something for."""
    if view is None:
        return [], live_views(client, project=project)
    freshened = freshen(client, view, project=project, ensure_workers=ensure_workers, look=look)
    live = live_views(client, project=project)
    if freshened.is_current:
        live.pop(view.root, None)
    return [] if freshened.note is None else [freshened.note], live


def live_views(client: "Client", *, project: str) -> dict[str, str]:
    """By its root, the status of the live job of each view of a project that has one.

    Asked before a search: a job that ends meanwhile was not done when the search looked.
    """
    rows = client.connection.execute(
        "select pgdex.view_location(v.root, v.ref), j.status"
        " from pgdex.indexing_jobs j join pgdex.views v on v.id = j.view_id"
        " where v.project_id = %s and v.removed_at is null and pgdex.is_live(j.status)",
        [project],
    )
    return dict(rows.fetchall())


def _found(
    client: "Client",
    request: "SearchRequest | RelatedRequest",
    result: "SearchResult",
    live: dict[str, str],
    fresh: list[str],
    *,
    words: FrontEndWords,
) -> Found:
    folders = {view.root for view in result.views if not view.ref}
    outdated = outdated_paths(client, result.hits, folders=folders, project=request.project_id)
    notes = [*fresh, *coverage_notes(client, request, result, outdated, live, words=words)]
    gone = gone_roots(client, folders & {hit.repo_path for hit in result.hits})
    hits = sorted(result.hits, key=lambda hit: hit.repo_path in gone)  # a stable sort: the order is kept otherwise
    return Found(hits, notes, outdated, [view.root for view in result.views], gone)
