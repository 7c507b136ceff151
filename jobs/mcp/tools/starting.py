"""start_indexing_background."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from pgdex.jobs.client.targets import Target, is_address, target_of
from pgdex.jobs.client.wording import about
from pgdex.jobs.errors import TooBroad
from pgdex.jobs.mcp.answers import StartedIndexing
from pgdex.jobs.mcp.arguments import ProjectId, RepoPath, Text, absolute_path
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

Name = Annotated[Text | None, Field(max_length=200, description="The repository's name (default: the folder's name).")]
Force = Annotated[
    bool,
    Field(
        description="Index every file again, even unchanged ones. Only needed after a change of the embedding model; "
        "changed files are detected without it."
    ),
]

AllowBroad = Annotated[
    bool,
    Field(
        description="Index repo_path even if it is `/`, a home folder or a system folder. Only if the user asked for "
        "exactly that folder."
    ),
]
NoIgnore = Annotated[
    bool | None,
    Field(
        description="Whether to index what .gitignore, .git/info/exclude and the user's own excludes leave out, from "
        "now on. Omit it to keep the current choice."
    ),
]


Branch = Annotated[
    Text | None,
    Field(max_length=250, description="Index this branch as git has it, instead of the working files."),
]
Tag = Annotated[Text | None, Field(max_length=250, description="Index this tag as git has it.")]
Commit = Annotated[Text | None, Field(max_length=64, description="Index this commit: its full id.")]


class Starting:
    """The tool that asks for a repository to be indexed."""

    def __init__(self, context: ServerContext) -> None:
        self._place = context

    async def start_indexing_background(
        self,
        *,
        repo_path: RepoPath,
        name: Name = None,
        project_id: ProjectId = None,
        force_reindex: Force = False,
        allow_broad: AllowBroad = False,
        no_ignore: NoIgnore = None,
        branch: Branch = None,
        tag: Tag = None,
        commit: Commit = None,
    ) -> StartedIndexing:
        """Make a folder of source code, or a git repository, searchable: starts a background job and returns its job_id
        at once.

        Call it before search_code for a repository or worktree that is not indexed yet, and again after many files have
        changed: then it reads only new and changed files, so it costs little. After a few edits it isn't needed:
        search_code indexes them first. Separate worker processes do the job. It continues
        after this conversation or the editor ends, and resumes where it was after a restart of the machine. Don't wait
        for it idly: continue with other work and check with get_indexing_status after estimated_duration_seconds, or
        call watch_indexing to wait. A job of under 60 s is called short. A few thousand files take seconds to a minute.

        If the folder is already being indexed, no second job is started: the tool returns the id of the live one, with
        already_running true. That is not an error. The number of jobs running at once is limited; others wait.
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
                database_name=client.connection.info.dbname,
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
