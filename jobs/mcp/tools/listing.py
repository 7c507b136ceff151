"""list_background_jobs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from pgdex.jobs.mcp.answers import JobList
from pgdex.jobs.mcp.arguments import Limit, Offset, ProjectId, RepoFilter, Statuses, Timestamp, absolute_path
from pgdex.jobs.mcp.server_context import ServerContext

if TYPE_CHECKING:
    from pgdex.jobs.client.client import Client

StatusFilter = Statuses | None
After = Annotated[Timestamp | None, Field(description="UTC unless it has an offset.")]
Before = Timestamp | None


class Listing:
    """The tool that lists jobs."""

    def __init__(self, context: ServerContext) -> None:
        self._place = context

    async def list_background_jobs(
        self,
        *,
        status: StatusFilter = None,
        repo_path: RepoFilter = None,
        project_id: ProjectId = None,
        created_after: After = None,
        created_before: Before = None,
        limit: Limit = 20,
        offset: Offset = 0,
    ) -> JobList:
        """List indexing jobs, newest first: to find a job_id or see what is running.

        Ended jobs are kept for some days.
        """

        def look(client: "Client") -> JobList:
            folder = absolute_path(repo_path) if repo_path is not None else None
            project = self._place.known_project(client, project_id, folder=Path(folder) if folder else None)
            page = client.list_jobs(
                status=status or (),
                repo=folder,
                project=project.id,
                since=created_after,
                until=created_before,
                limit=limit,
                offset=offset,
            )
            return JobList.of(page, offset=offset, project=project)

        return await self._place.run(look)
