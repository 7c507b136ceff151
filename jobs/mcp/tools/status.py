"""get_indexing_status."""

from typing import TYPE_CHECKING

from pgdex.jobs.mcp.answers import IndexingStatus
from pgdex.jobs.mcp.arguments import DescribedJobId, ProjectId
from pgdex.jobs.mcp.jobs_of_projects import watched_job
from pgdex.jobs.mcp.server_context import ServerContext

if TYPE_CHECKING:
    from pgdex.jobs.client.client import Client


class Status:
    """The tool that tells how far a job is."""

    def __init__(self, context: ServerContext) -> None:
        self._place = context

    async def get_indexing_status(self, *, job_id: DescribedJobId, project_id: ProjectId = None) -> IndexingStatus:
        """Progress, time left, skipped files, errors and summary of a job.

        Don't poll: wait ask_again_in_seconds, or call watch_indexing.
        """

        def look(client: "Client") -> IndexingStatus:
            from pgdex.jobs.client.views import skip_reasons

            job = watched_job(client, self._place, job_id, project_id)
            return IndexingStatus.of(job, reasons=skip_reasons(client.connection, job))

        return await self._place.run(look)
