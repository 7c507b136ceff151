"""retry_indexing."""

from typing import TYPE_CHECKING

from pgdex.jobs.errors import JobIsFinal, JobIsLive
from pgdex.jobs.mcp.arguments import JobId, ProjectId
from pgdex.jobs.mcp.jobs_of_projects import visible_job
from pgdex.jobs.mcp.repository_answers import RetriedIndexing
from pgdex.jobs.mcp.server_context import ServerContext
from pgdex.jobs.mcp.tools.starting import WORKERS

if TYPE_CHECKING:
    from pgdex.jobs.client.client import Client


class Retrying:
    """The tool that asks again for what a job was to do."""

    def __init__(self, context: ServerContext) -> None:
        self._place = context

    async def retry_indexing(self, *, job_id: JobId, project_id: ProjectId = None) -> RetriedIndexing:
        """Run a failed or cancelled job again, as a new one that continues.

        First fix the cause that get_indexing_status names.
        """

        def retry(client: "Client") -> RetriedIndexing:
            job = visible_job(client, self._place, job_id, project_id)
            if not job.is_final:
                raise JobIsLive(f"job {job.job_id} is {job.status}: wait for it with watch_indexing")
            if job.status == "completed":
                raise JobIsFinal(
                    f"job {job.job_id} is completed: start_indexing_background indexes what has changed since"
                )
            retried = client.retry(job.job_id, project=job.project_id)
            what = (
                "It is being indexed already; this is the job that does it." if retried.already_running else "Queued."
            )
            workers = WORKERS[self._place.launcher.ensure(client)]
            return RetriedIndexing(
                job_id=retried.job_id,
                retried_job_id=retried.retried_job_id,
                status=retried.status,
                already_running=retried.already_running,
                message=f"{what}{workers} Check with get_indexing_status, or wait with watch_indexing.",
                repo_path=retried.repo_path,
                project_id=retried.project_id,
            )

        return await self._place.run(retry)
