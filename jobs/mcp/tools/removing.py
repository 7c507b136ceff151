"""remove_repository: only after someone said yes."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from mcp.server.mcpserver import Context, Elicit, ElicitationResult, Resolve
from pydantic import Field

from pgdex.jobs.client.wording import counted, megabytes
from pgdex.jobs.mcp.arguments import LONGEST_PATH, ProjectId, Required, absolute_path
from pgdex.jobs.mcp.asking import Confirmed, Consent, NotAsked, asked, is_to_be_asked, says_yes, was_asked
from pgdex.jobs.mcp.repository_answers import Removal
from pgdex.jobs.mcp.server_context import ServerContext

if TYPE_CHECKING:
    from pgdex.jobs.client.client import Client
    from pgdex.jobs.client.models import IndexedView

LONGEST_SECONDS = 5.0
"""For deleting rows, which no search sees any more; workers delete the others."""
ADVICE = "cancel it first with cancel_indexing_background"

IndexedPath = Annotated[
    Required, Field(max_length=LONGEST_PATH, description="As list_repositories shows it; the folder may be gone.")
]
AllViews = Annotated[bool, Field(description="With all worktrees and branches of its repository.")]


class Removing:
    """The tool that takes repositories and views out of the index."""

    def __init__(self, context: ServerContext) -> None:
        self._place = context

        async def consent(
            *, repo_path: str, all_views: bool, confirmed: bool, project_id: str | None, context: Context
        ) -> Elicit[Consent] | NotAsked:
            if not is_to_be_asked(context, confirmed=confirmed):
                return NotAsked()
            return asked(await self._question(repo_path, project_id, all_views=all_views))

        async def remove_repository(
            *,
            repo_path: IndexedPath,
            answer: Annotated[ElicitationResult[Consent], Resolve(consent)],
            all_views: AllViews = False,
            confirmed: Confirmed = False,
            project_id: ProjectId = None,
        ) -> Removal:
            """Remove a folder from the index, if the user wants that: the client asks them, else you do.

            Files stay on the disk.
            """
            agreed = confirmed or says_yes(answer)
            return await self._removed(
                repo_path, project_id, all_views=all_views, agreed=agreed, was_asked=was_asked(answer)
            )

        self.remove_repository = remove_repository

    async def _question(self, repo_path: str, project_id: str | None, *, all_views: bool) -> str:
        """The same words however much there is (see asking.asked)."""

        def ask(client: "Client") -> str:
            views, project = self._chosen(client, repo_path, project_id, all_views=all_views)
            view = next((one for one in views if one.is_default), views[0])
            what = f"{view.name} ({view.root}) with all its views" if all_views else f"{view.root} ({view.name})"
            return (
                f"Remove {what} from the index of project {project}? Its chunks and the history of its jobs are lost; "
                "the files on the disk stay, and it can be indexed again."
            )

        return await self._place.run(ask)

    def _chosen(
        self, client: "Client", repo_path: str, project_id: str | None, *, all_views: bool
    ) -> "tuple[list[IndexedView], str]":
        """The views that a request is about, and their project. Raises InvalidRequest, JobIsLive."""
        from pgdex.jobs.client.removal_choice import Wish, require_no_live_job, views_to_remove

        root = absolute_path(repo_path)
        project = self._place.known_project(client, project_id, folder=Path(root)).id
        views = views_to_remove(client, Wish(root, all_views=all_views), project=project)
        require_no_live_job(client, views, advice=ADVICE)
        return views, project

    async def _removed(
        self, repo_path: str, project_id: str | None, *, all_views: bool, agreed: bool, was_asked: bool
    ) -> Removal:
        def act(client: "Client") -> Removal:
            from pgdex.jobs.client.removal_choice import removal_effect

            views, project = self._chosen(client, repo_path, project_id, all_views=all_views)
            effects = removal_effect(client, views)
            shared = sum(one.versions_kept for one in effects)
            bytes_freed = sum(one.bytes_freed for one in effects)
            lost = (
                f"the index of {counted(sum(one.files for one in effects), 'file')} "
                f"({counted(sum(one.chunks for one in effects), 'chunk')}) and the history of "
                f"{counted(sum(one.jobs for one in effects), 'job')}"
            )
            kept = "the files on the disk" + (
                f", and the index of {counted(shared, 'file')} that other views hold too" if shared else ""
            )
            is_complete = agreed and _remove(client, views)
            if agreed:
                message = f"Removed from the index. Space freed in the database: {megabytes(bytes_freed)}."
            elif was_asked:
                message = "The user was asked and did not agree: nothing was removed."
            else:
                message = (
                    f"Nothing was removed yet. Removing would lose: {lost}. It would keep: {kept}. Space that would be "
                    f"freed in the database: {megabytes(bytes_freed)}. If the user wants that, call again with "
                    "confirmed=true."
                )
            return Removal(
                repo_paths=[one.root for one in views],
                project_id=project,
                removed=agreed,
                confirmation_required=not agreed and not was_asked,
                is_complete=is_complete,
                bytes_freed=bytes_freed,
                message=message,
                kept=kept,
                lost=lost,
            )

        return await self._place.run(act)


def _remove(client: "Client", views: "list[IndexedView]") -> bool:
    """Remove the views and, for some seconds, their rows; whether all of these are gone."""
    from pgdex.jobs.client.removal import is_there, remove_rows, remove_view

    for view in views:
        remove_view(client.connection, view)
    end = time.monotonic() + LONGEST_SECONDS
    for _ in remove_rows(client.connection, views[0]):  # all are of one repository
        if time.monotonic() > end:
            break
    return not any(is_there(client.connection, view) for view in views)
