"""cancel_indexing_background: only after someone said yes."""

from typing import TYPE_CHECKING, Annotated

from mcp.server.mcpserver import Context, Elicit, ElicitationResult, Resolve

from pgdex.jobs.client.wording import kept_and_lost
from pgdex.jobs.errors import JobIsFinal
from pgdex.jobs.mcp.answers import Cancellation
from pgdex.jobs.mcp.arguments import JobId, ProjectId
from pgdex.jobs.mcp.asking import Confirmed, Consent, NotAsked, asked, is_to_be_asked, says_yes, was_asked
from pgdex.jobs.mcp.jobs_of_projects import visible_job
from pgdex.jobs.mcp.server_context import ServerContext

if TYPE_CHECKING:
    from pgdex.jobs.client.client import Client
    from pgdex.jobs.client.models import JobStatus

AGAIN = "start_indexing_background"


class Cancelling:
    """The tool that ends a job."""

    def __init__(self, context: ServerContext) -> None:
        self._place = context

        async def consent(
            *, job_id: str, confirmed: bool, project_id: str | None, context: Context
        ) -> Elicit[Consent] | NotAsked:
            if not is_to_be_asked(context, confirmed=confirmed):
                return NotAsked()
            return asked(_question(await self._live_job(job_id, project_id)))

        async def cancel_indexing_background(
            *,
            job_id: JobId,
            answer: Annotated[ElicitationResult[Consent], Resolve(consent)],
            confirmed: Confirmed = False,
            project_id: ProjectId = None,
        ) -> Cancellation:
            """Cancel a live job, if the user wants that: the client asks them, else you do.

            What is indexed stays searchable.
            """
            agreed = confirmed or says_yes(answer)
            return await self._cancelled(job_id, project_id, agreed=agreed, was_asked=was_asked(answer))

        self.cancel_indexing_background = cancel_indexing_background

    async def _live_job(self, job_id: str, project_id: str | None) -> "JobStatus":
        return await self._place.run(lambda client: _live(client, self._place, job_id, project_id))

    async def _cancelled(self, job_id: str, project_id: str | None, *, agreed: bool, was_asked: bool) -> Cancellation:
        def act(client: "Client") -> Cancellation:
            job = _live(client, self._place, job_id, project_id)
            kept, lost = kept_and_lost(job, again=AGAIN)
            if agreed:
                message = client.cancel(job.job_id, project=job.project_id).message
            elif was_asked:
                message = "The user was asked and did not agree: the job continues."
            else:
                message = (
                    f"Nothing was cancelled yet. Cancelling would keep: {kept}. It would lose: {lost}. If the user "
                    "wants that, call again with confirmed=true."
                )
            return Cancellation(
                job_id=job.job_id,
                cancelled=agreed,
                confirmation_required=not agreed and not was_asked,
                status="cancelled" if agreed else job.status,
                message=message,
                kept=kept,
                lost=lost,
            )

        return await self._place.run(act)


def _live(client: "Client", context: ServerContext, job_id: str, project_id: str | None) -> "JobStatus":
    job = visible_job(client, context, job_id, project_id)
    if job.is_final:
        raise JobIsFinal(f"job {job.job_id} is already {job.status}: nothing to cancel")
    return job


def _question(job: "JobStatus") -> str:
    """The same words however far the job is (see asking.asked)."""
    return (
        f"Cancel the indexing of {job.title} ({job.repo_path}), job {job.job_id}? What it has indexed stays "
        "searchable, and indexing can resume from there; only the work on the few files in progress is lost."
    )
