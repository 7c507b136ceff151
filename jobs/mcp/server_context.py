"""What every tool works with."""

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import anyio
from anyio.to_thread import run_sync

from pgdex.jobs.client.projects import Project, resolve_project
from pgdex.jobs.errors import InvalidRequest
from pgdex.jobs.mcp.connections import MOST_CONNECTIONS, Connections
from pgdex.jobs.mcp.lanes import Lane
from pgdex.jobs.mcp.watched_folder import WatchedFolder
from pgdex.jobs.mcp.workers import WorkerLauncher

if TYPE_CHECKING:
    from pgdex.jobs.client.client import Client
    from pgdex.jobs.client.models import IndexedView
    from pgdex.jobs.settings import Settings
    from pgdex.jobs.watching import Looks

Result = TypeVar("Result")

OPENING_POLL_SECONDS = 0.02
SEARCHES = 6
OTHER_CALLS = MOST_CONNECTIONS - SEARCHES - 1


class ServerContext:
    """The settings, the database and the workers, shared by all tools of one server.

    `folder` is where the client started the server, which says something about its project on stdio only.
    """

    def __init__(self, settings: "Settings", *, folder: Path | None) -> None:
        self.settings = settings
        self.folder = folder
        self.connections = Connections(settings)
        self.launcher = WorkerLauncher()
        self.watched_folder = WatchedFolder(settings, folder=folder)
        self._looks: Looks | None = None
        self._looks_lock = threading.Lock()
        self._searches = Lane("searches", places=SEARCHES)
        self._calls = Lane("calls about jobs", places=OTHER_CALLS)
        self._threads = anyio.CapacityLimiter(MOST_CONNECTIONS)

    async def run(self, action: "Callable[[Client], Result]", *, search: bool = False) -> Result:
        """`action` with a client, in a thread. Raises what it raises, DatabaseUnavailable, and ServerBusy.

        A `search` may take long: however many of them there are, calls about jobs are answered beside them.
        """
        await self._opening()
        if search:
            self.watched_folder.touch()
        async with (self._searches if search else self._calls).place():
            return await run_sync(self.connections.call, action, limiter=self._threads)

    async def _opening(self) -> None:
        """Wait for the database's first start, which may take long, without occupying a slot that others wait for."""
        attempt = self.connections.open()
        while not attempt.done():
            await anyio.sleep(OPENING_POLL_SECONDS)

    def project(self, argument: str | None, *, folder: Path | None = None) -> Project:
        """The project of a request that is about `folder`. Raises InvalidRequest."""
        return resolve_project(self.settings, argument=argument, folder=folder or self.folder)

    def known_project(self, client: "Client", argument: str | None, *, folder: Path | None = None) -> Project:
        """As `project`; raises InvalidRequest also for one that was named and does not exist."""
        from pgdex.jobs.client.views import project_exists

        project = self.project(argument, folder=folder)
        if project.source == "argument" and not project_exists(client.connection, project.id):
            raise InvalidRequest(
                f"there is no project {project.id!r}: nothing was ever indexed in it. Leave project_id out for the "
                "default one, or index something in it with start_indexing_background"
            )
        return project

    def look(self, client: "Client", view: "IndexedView", root: Path, aborted: Callable[[], bool]) -> list[str]:
        """What has changed in a view's folder (a `Look` of client/freshening.py): of a tree that was looked at once,
        only what was reported since is looked at again, unless PGDEX_WATCH is off."""
        from pgdex.jobs.client.freshening import whole_look

        if not self.settings.watch:
            return whole_look(client, view, root, aborted)
        from pgdex.jobs.watching import Looks

        with self._looks_lock:
            self._looks = looks = self._looks or Looks()
        return looks.look(client, view, root, aborted)

    def close(self) -> None:
        """Stop watching."""
        self.watched_folder.close()
        with self._looks_lock:
            if self._looks is not None:
                self._looks.close()

    def warm_up(self) -> None:
        """What the first calls would else wait for: the database, the workers for jobs that were interrupted, the
        embedding model; and the watch of the client's folder. Errors are left to the calls that meet them."""
        from pgdex.indexer.embedding import EmbedderError
        from pgdex.jobs.client.workers import live_jobs
        from pgdex.jobs.embedders import embedder_for

        def take_up(client: "Client") -> None:
            if live_jobs(client.connection):
                self.launcher.ensure(client)

        def watch(client: "Client") -> None:
            with suppress(InvalidRequest):
                self.watched_folder.look(client, project=self.project(None).id)

        self.connections.call(take_up)
        self.connections.call(watch)
        try:
            embedder_for(self.settings.embedder, self.settings)
        except EmbedderError:
            return
