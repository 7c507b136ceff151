"""get_indexing_status."""

from typing import TYPE_CHECKING

from pgdex.jobs.mcp.answers import IndexingStatus
from pgdex.jobs.mcp.arguments import JobId, ProjectId
from pgdex.jobs.mcp.jobs_of_projects import watched_job
from pgdex.jobs.mcp.server_context import ServerContext

if TYPE_CHECKING:
    from pgdex.jobs.client.client import Client


class Status:
    """The tool that tells how far a job is."""

    def __init__(self, context: ServerContext) -> None:
        self._place = context

    async def get_indexing_status(self, *, job_id: JobId, project_id: ProjectId = None) -> IndexingStatus:
        """Show the progress of an indexing job: status, percentage, what it is doing, time left, errors, and the
        summary.

        pending: it waits for its turn or for a worker. running: workers are working on it. blocked: the embedding
        service is unavailable; the job resumes automatically. completed, failed, cancelled: it has ended, and nothing
        changes any more. Don't call this in a tight loop: wait ask_again_in_seconds in between, or call watch_indexing
        once. After a failure, error_message says why; a new job continues from what was indexed.
        """

        def look(client: "Client") -> IndexingStatus:
            from pgdex.jobs.client.views import skip_reasons

            job = watched_job(client, self._place, job_id, project_id)
            return IndexingStatus.of(job, reasons=skip_reasons(client.connection, job))

        return await self._place.run(look)
