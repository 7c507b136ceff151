"""search_code."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from jobs.errors import InvalidRequest
from jobs.mcp_server.answers import Hit, SearchAnswer
from jobs.mcp_server.arguments import LONGEST_TEXT, ProjectId, RepoFilter, Text, absolute_path
from jobs.mcp_server.freshness import coverage_notes, outdated_paths
from jobs.mcp_server.workplace import Workplace

if TYPE_CHECKING:
    from indexer.search import SearchResult
    from jobs.client import Client

Query = Annotated[
    Text,
    Field(
        min_length=1,
        max_length=LONGEST_TEXT,
        description="What to look for: words, an identifier, or a question, such as 'where are retries configured'.",
    ),
]
PathGlob = Annotated[
    Text | None,
    Field(
        min_length=1,
        max_length=1000,
        description="Only files like this, relative to the repository: '*.py', 'src/**/test_*', 'docs/'.",
    ),
]
Language = Annotated[
    Text | None,
    Field(min_length=1, max_length=50, description="Only files of this language: python, typescript, go, …"),
]
Limit = Annotated[int, Field(ge=1, le=100, description="How many pieces of code to return.")]


class Searching:
    """The tool that searches."""

    def __init__(self, place: Workplace) -> None:
        self._place = place

    async def search_code(
        self,
        *,
        query: Query,
        project_id: ProjectId = None,
        repo_path: RepoFilter = None,
        path_glob: PathGlob = None,
        language: Language = None,
        limit: Limit = 10,
    ) -> SearchAnswer:
        """Search the indexed code: returns the functions, classes and sections that match best, with their code.

        Use it to find where something is done when you don't know the exact text; grep is better for an exact string.
        It searches by words and by meaning at once, in every repository of the project unless repo_path narrows it.
        Results come from the index, not from the disk: read the notes, which say when a repository is not indexed, is
        being indexed right now, or has files that changed since (start_indexing_background brings it up to date).
        """

        def search(client: "Client") -> SearchAnswer:
            from indexer.search import search as search_index
            from jobs.embedders import embedder_for

            folder = absolute_path(repo_path) if repo_path is not None else None
            project = self._place.known_project(client, project_id, folder=Path(folder) if folder else None)
            _check_glob(path_glob)
            if not query.strip():
                raise InvalidRequest("query: it is empty; give words, an identifier or a question")
            result = search_index(
                client.connection,
                query,
                project_id=project.id,
                open_embedder=lambda spec: embedder_for(spec, self._place.settings),
                repo=folder,
                path_glob=path_glob,
                language=known_language(language) if language else None,
                limit=limit,
            )
            outdated = outdated_paths(client, result.hits, project=project.id)
            return SearchAnswer(
                hits=_hits(result, outdated),
                notes=coverage_notes(client, result, outdated, project=project.id, folder=folder),
                project_id=project.id,
                project_source=project.origin,
            )

        return await self._place.run(search)


def _hits(result: "SearchResult", outdated: set[tuple[str, str]]) -> list[Hit]:
    return [
        Hit(
            path=hit.path,
            repo_path=hit.repo_path,
            start_line=hit.start_line,
            end_line=hit.end_line,
            symbol=hit.symbol,
            kind=hit.kind,
            language=hit.language,
            score=hit.score,
            code=hit.content,
            is_outdated=(hit.repo_path, hit.path) in outdated,
        )
        for hit in result.hits
    ]


def known_language(given: str) -> str:
    """The index's name for a language, also from an extension such as `py`. Raises InvalidRequest."""
    from difflib import get_close_matches

    from indexer.languages import NAMES, TEXT, language_of

    name = given.strip().lower()
    if name in NAMES:
        return name
    by_extension = language_of(f"file.{name.removeprefix('.')}")
    if by_extension is not TEXT:
        return by_extension.name
    near = get_close_matches(name, NAMES, n=3)
    instead = f"did you mean {' or '.join(near)}?" if near else f"the languages are {', '.join(NAMES)}"
    raise InvalidRequest(f"language: {given!r} is not known; {instead}")


def _check_glob(path_glob: str | None) -> None:
    from indexer.globs import glob_regex

    if path_glob is None:
        return
    try:
        glob_regex(path_glob)
    except ValueError as error:
        raise InvalidRequest(f"path_glob: {error}") from None
