"""list_repositories."""

from pathlib import Path
from typing import TYPE_CHECKING

from pgdex.jobs.mcp.arguments import Limit, Offset, ProjectId, RepoFilter, absolute_path
from pgdex.jobs.mcp.repository_answers import RepositoryList
from pgdex.jobs.mcp.server_context import ServerContext

if TYPE_CHECKING:
    from pgdex.jobs.client.client import Client


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
        """List what is indexed: repositories with their folders, worktrees and branches, size, age, and which folders
        are gone.
        """

        def look(client: "Client") -> RepositoryList:
            from pgdex.jobs.client.repositories import repository_page

            folder = absolute_path(repo_path) if repo_path is not None else None
            project = self._place.known_project(client, project_id, folder=Path(folder) if folder else None)
            page = repository_page(client, project=project.id, repo=folder, limit=limit, offset=offset)
            return RepositoryList.of(page, offset=offset, project=project)

        return await self._place.run(look)
