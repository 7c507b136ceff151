"""Finding a job for a request: only where it belongs to the project that the request is about."""

from pathlib import Path
from typing import TYPE_CHECKING

from pgdex.jobs.errors import InvalidRequest
from pgdex.jobs.mcp.errors import no_such_job

if TYPE_CHECKING:
    from pgdex.jobs.client.client import Client
    from pgdex.jobs.client.models import JobStatus
    from pgdex.jobs.mcp.server_context import ServerContext

MOST_NAMED = 5


def visible_job(client: "Client", context: "ServerContext", job_id: str, project_id: str | None) -> "JobStatus":
    """The job with this id, or the only one whose id begins so, where its project is the one that the request resolves
    to.

    A request that names no project is about the project that its repository resolves to, as when it was started.
    Raises InvalidRequest for a malformed id or project and where several jobs begin so, and the same JobNotFound
    whether there is no such job or it is another project's.
    """
    project = context.project(project_id).id
    found = client.beginning(job_id, project=None if project_id is None else project)
    if project_id is None:
        found = [job for job in found if job.project_id == context.project(None, folder=Path(job.repo_path)).id]
    if len(found) > 1:
        ids = ", ".join(str(job.job_id) for job in found[:MOST_NAMED])
        raise InvalidRequest(f"job_id: several jobs begin with {job_id}: {ids}. Pass more of its characters")
    if found:
        return found[0]
    if project_id is not None:
        context.known_project(client, project_id)
    raise no_such_job(job_id, project)


def watched_job(client: "Client", context: "ServerContext", job_id: str, project_id: str | None) -> "JobStatus":
    """As `visible_job`, and sees to it that someone works on it."""
    job = visible_job(client, context, job_id, project_id)
    if job.is_final:
        return job
    context.launcher.look(client)
    return context.launcher.explained(job)
