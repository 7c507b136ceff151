"""Finding a job for a request: only where it belongs to the project that the request is about."""

from pathlib import Path
from typing import TYPE_CHECKING

from pgdex.jobs.errors import JobNotFound
from pgdex.jobs.mcp.errors import no_such_job

if TYPE_CHECKING:
    from pgdex.jobs.client.client import Client
    from pgdex.jobs.client.models import JobStatus
    from pgdex.jobs.mcp.server_context import ServerContext


def visible_job(client: "Client", context: "ServerContext", job_id: str, project_id: str | None) -> "JobStatus":
    """The job, where its project is the one that the request resolves to.

    A request that names no project is about the project that its repository resolves to, as when it was started.
    Raises InvalidRequest for a malformed id or project, and the same JobNotFound whether there is no such job or it
    is another project's.
    """
    if project_id is not None:
        try:
            return client.status(job_id, project=context.project(project_id).id)
        except JobNotFound:
            raise no_such_job(job_id, context.known_project(client, project_id).id) from None
    try:
        job = client.status(job_id)
    except JobNotFound:
        raise no_such_job(job_id, context.project(None).id) from None
    project = context.project(None, folder=Path(job.repo_path))
    if job.project_id != project.id:
        raise no_such_job(job_id, context.project(None).id)
    return job


def watched_job(client: "Client", context: "ServerContext", job_id: str, project_id: str | None) -> "JobStatus":
    """As `visible_job`, and sees to it that someone works on it."""
    job = visible_job(client, context, job_id, project_id)
    if job.is_final:
        return job
    context.launcher.look(client)
    return context.launcher.explained(job)
