"""Searching, as all doors do it: the same arguments mean the same, and the same answers come with the same notes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pgdex.jobs.client.freshness import DoorWords, coverage_notes, outdated_paths
from pgdex.jobs.errors import InvalidRequest

if TYPE_CHECKING:
    from pgdex.indexer.search import SearchHit, SearchResult
    from pgdex.jobs.client.client import Client


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """What narrows a search. `repo` is a path or a part of a repository's name, `tests` says in, out or only."""

    repo: str | None = None
    path_glob: str | None = None
    language: str | None = None
    kinds: Sequence[str] = ()
    tests: str = "in"
    limit: int = 10


@dataclass(frozen=True, slots=True)
class Found:
    """Hits, best first; notes on how complete and how new they are; the files of them that have changed since."""

    hits: "list[SearchHit]"
    notes: list[str]
    outdated: set[tuple[str, str]] = field(default_factory=set)


def check_request(query: str, options: SearchOptions) -> None:
    """Raise InvalidRequest for what can't be asked, before a database is opened for it."""
    from pgdex.indexer.search import SearchRefused
    from pgdex.indexer.search.filters import Filters
    from pgdex.indexer.search.query import check_query, check_text

    try:
        check_query(query)
        for argument, text in (("repo_path", options.repo), ("path_glob", options.path_glob)):
            check_text(argument, text)
        Filters.of(path_glob=options.path_glob, kinds=options.kinds, tests=options.tests)
    except SearchRefused as error:
        raise InvalidRequest(str(error)) from None
    if options.language is not None:
        known_language(options.language)


def search_code(client: "Client", query: str, *, project: str, options: SearchOptions, words: DoorWords) -> Found:
    """The files of a project that answer `query`. `words` are the door's, for the notes.

    Raises InvalidRequest, whose message names the argument.
    """
    from pgdex.indexer.search import search
    from pgdex.jobs.embedders import embedder_for

    check_request(query, options)
    live = live_repositories(client, project=project)
    result = _checked(
        lambda: search(
            client.connection,
            query,
            project_id=project,
            open_embedder=lambda spec: embedder_for(spec, client.settings),
            repo=options.repo,
            path_glob=options.path_glob,
            language=known_language(options.language) if options.language else None,
            kinds=options.kinds,
            tests=options.tests,
            limit=options.limit,
        )
    )
    return _found(client, result, live, project=project, repo=options.repo, words=words)


def related_code(
    client: "Client", *, project: str, root: str, path: str, line: int, tests: str, limit: int, words: DoorWords
) -> Found:
    """What is like the code at a line of a file in the repository at `root`. Raises InvalidRequest."""
    from pgdex.indexer.search import related

    live = live_repositories(client, project=project)
    result = _checked(
        lambda: related(
            client.connection,
            project_id=project,
            root=root,
            path=path,
            line=line,
            tests=tests,
            limit=limit,
        )
    )
    return _found(client, result, live, project=project, repo=root, words=words)


def known_language(given: str) -> str:
    """The index's name for a language, also from an extension such as `py`. Raises InvalidRequest."""
    from difflib import get_close_matches

    from pgdex.indexer.languages import NAMES, TEXT, language_of

    name = given.strip().lower()
    if name in NAMES:
        return name
    by_extension = language_of(f"file.{name.removeprefix('.')}")
    if by_extension is not TEXT:
        return by_extension.name
    near = get_close_matches(name, NAMES, n=3)
    instead = f"did you mean {' or '.join(near)}?" if near else f"the languages are {', '.join(NAMES)}"
    raise InvalidRequest(f"language: {given!r} is not known; {instead}")


def _checked(action: "Callable[[], SearchResult]") -> "SearchResult":
    from pgdex.indexer.search import SearchRefused

    try:
        return action()
    except SearchRefused as error:
        raise InvalidRequest(str(error)) from None


def live_repositories(client: "Client", *, project: str) -> dict[str, str]:
    """By its root, the status of the live job of each repository of a project that has one.

    Asked before a search: a job that ends meanwhile was not done when the search looked.
    """
    rows = client.connection.execute(
        "select r.root, j.status from pgdex.indexing_jobs j join pgdex.repositories r on r.id = j.repository_id"
        " where r.project_id = %s and r.removed_at is null and pgdex.is_live(j.status)",
        [project],
    )
    return dict(rows.fetchall())


def _found(
    client: "Client",
    result: "SearchResult",
    live: dict[str, str],
    *,
    project: str,
    repo: str | None,
    words: DoorWords,
) -> Found:
    outdated = outdated_paths(client, result.hits, project=project)
    notes = coverage_notes(client, result, outdated, live, project=project, repo=repo, words=words)
    return Found(result.hits, notes, outdated)
