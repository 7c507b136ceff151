"""list_background_jobs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from pgdex.jobs.mcp.answers import JobList
from pgdex.jobs.mcp.arguments import ProjectId, RepoFilter, Statuses, Timestamp, absolute_path
from pgdex.jobs.mcp.server_context import ServerContext

if TYPE_CHECKING:
    from pgdex.jobs.client.client import Client

StatusFilter = Annotated[
    Statuses | None,
    Field(description="Only jobs with this status, or with one of these. Live jobs are pending, running or blocked."),
]
After = Annotated[
    Timestamp | None,
    Field(description="Only jobs created at this time or later: ISO 8601, in UTC unless it has an offset."),
]
Before = Annotated[Timestamp | None, Field(description="Only jobs created before this time.")]
Limit = Annotated[int, Field(ge=1, le=100, description="How many jobs to return.")]
Offset = Annotated[int, Field(ge=0, le=1_000_000_000, description="How many of the newest jobs to skip.")]


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
        """List the indexing jobs of a project, newest first: to find a job_id again, or to see what is running.

        Filter by status, by repository (its absolute path, or that of a folder above it), or by time of creation. Ended
        jobs are kept for only a few days, so a repository can be indexed although no job of it is listed: search_code
        says whether it is.
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
