"""start_indexing_background."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from pgdex.jobs.client.targets import Target, is_address, target_of
from pgdex.jobs.client.wording import about
from pgdex.jobs.errors import TooBroad
from pgdex.jobs.mcp.answers import StartedIndexing
from pgdex.jobs.mcp.arguments import RepoPath, Text, Workspace, absolute_path
from pgdex.jobs.mcp.server_context import ServerContext

if TYPE_CHECKING:
    from pgdex.jobs.client.client import Client
    from pgdex.jobs.client.models import StartedJob
    from pgdex.jobs.mcp.workers import Workforce

SHORT_SECONDS = 60
SECONDS_OF_A_FETCH = 10
WORKERS = {
    "working": "",
    "starting": " Workers are being started on this machine.",
    "none": " No worker is running and none can be started from here: on a machine that sees the folder, run: "
    "pgdex worker.",
}

Name = Annotated[Text | None, Field(max_length=200)]
Force = Annotated[bool, Field(description="Re-read unchanged files; only after a change of embedding model.")]
AllowBroad = Annotated[bool, Field(description="Even /, a home or system folder: only if the user asked for it.")]
NoIgnore = Annotated[bool | None, Field(description="Index what git ignores too, from now on; false ends that.")]
Branch = Annotated[Text | None, Field(max_length=250, description="As git has it, not the working files.")]
Tag = Annotated[Text | None, Field(max_length=250)]
Commit = Annotated[Text | None, Field(max_length=64, description="Full id.")]


class Starting:
    """The tool that asks for a repository to be indexed."""

    def __init__(self, context: ServerContext) -> None:
        self._place = context

    async def start_indexing_background(
        self,
        *,
        repo_path: RepoPath,
        name: Name = None,
        project_id: Workspace = None,
        force_reindex: Force = False,
        allow_broad: AllowBroad = False,
        no_ignore: NoIgnore = None,
        branch: Branch = None,
        tag: Tag = None,
        commit: Commit = None,
    ) -> StartedIndexing:
        """Make a folder or git repository searchable: starts a background job, or finds the live one, and returns its
        job_id at once.

        Call it when search_code's notes say so; only new and changed files are read. Go on with other work meanwhile,
        or call watch_indexing.
        """

        def start(client: "Client") -> StartedIndexing:
            target = target_of(
                repo_path if is_address(repo_path) else absolute_path(repo_path),
                settings=self._place.settings,
                branch=branch,
                tag=tag,
                commit=commit,
            )
            project = self._place.project(project_id, folder=target.folder)
            try:
                started = client.start(
                    target,
                    project=project.id,
                    name=name,
                    force=force_reindex,
                    allow_broad=allow_broad,
                    no_ignore=no_ignore,
                )
            except TooBroad as error:
                raise TooBroad(
                    f"{error}. Only if the user asked for exactly this folder: call again with allow_broad: true"
                ) from error
            workforce = self._place.launcher.ensure(client)
            self._place.watched_folder.look(client, project=started.project_id, is_asked_for=True)
            seconds, at_least = self._seconds(client, started, target)
            return StartedIndexing(
                job_id=started.job_id,
                status=started.status,
                already_running=started.already_running,
                message=_message(started, seconds, workforce, at_least=at_least, named=project.source == "argument"),
                estimated_duration_seconds=seconds,
                repo_path=started.repo_path,
                project_id=started.project_id,
                project_source=project.origin,
                notes=[*project.notes],
            )

        return await self._place.run(start)

    def _seconds(self, client: "Client", started: "StartedJob", target: Target) -> tuple[int, bool]:
        """How long it will take, and whether that is only known to be the least."""
        from pgdex.jobs.client.estimates import estimate_of

        job = client.status(started.job_id)
        if started.already_running and job.estimated_time_remaining_seconds is not None:
            return job.estimated_time_remaining_seconds, False
        if target.folder is None:
            return SECONDS_OF_A_FETCH, True  # how large it is shows when it was fetched
        estimate = estimate_of(
            client.connection,
            client.settings,
            target.folder,
            project=started.project_id,
            embedder=job.embedder or client.settings.embedder,
        )
        return max(1, round(estimate.seconds)), estimate.at_least


def _message(started: "StartedJob", seconds: int, workforce: "Workforce", *, at_least: bool, named: bool) -> str:
    what = (
        "This repository is being indexed already; this is the job that does it."
        if started.already_running
        else "Queued."
    )
    length = "A short job" if seconds < SHORT_SECONDS and not at_least else "It will take a while"
    how_long = f"{length}: {'at least' if at_least else 'about'} {about(seconds)}."
    with_project = f" and project_id {started.project_id!r}" if named else ""
    return (
        f"{what} {how_long}{WORKERS[workforce]} Check with get_indexing_status (this job_id{with_project}) after that "
        "time, or wait with watch_indexing; search_code finds what is indexed so far."
    )
