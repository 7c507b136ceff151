"""list_repositories."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from pgdex.jobs.mcp.arguments import ProjectId, RepoFilter, absolute_path
from pgdex.jobs.mcp.repository_answers import RepositoryList
from pgdex.jobs.mcp.server_context import ServerContext

if TYPE_CHECKING:
    from pgdex.jobs.client.client import Client

Limit = Annotated[int, Field(ge=1, le=100, description="How many repositories to return.")]
Offset = Annotated[int, Field(ge=0, le=1_000_000_000, description="How many of the first repositories to skip.")]


class Repositories:
    """The tool that lists what is indexed."""

    def __init__(self, context: ServerContext) -> None:
        self._place = context

    async def list_repositories(
        self,
        *,
        repo_path: RepoFilter = None,
        project_id: ProjectId = None,
        limit: Limit = 20,
        offset: Offset = 0,
    ) -> RepositoryList:
        """List the repositories of a project that are indexed, by name, each with its views.

        A view is a folder, or one of the working trees of a git repository. Each says how many files are searchable,
        when it was indexed, how its last job ended, and whether its folder is gone. Use it to find the repo_path that
        other tools want, or what to index again or remove.
        """

        def look(client: "Client") -> RepositoryList:
            from pgdex.jobs.client.repositories import repository_page

            folder = absolute_path(repo_path) if repo_path is not None else None
            project = self._place.known_project(client, project_id, folder=Path(folder) if folder else None)
            page = repository_page(client, project=project.id, repo=folder, limit=limit, offset=offset)
            return RepositoryList.of(page, offset=offset, project=project)

        return await self._place.run(look)
