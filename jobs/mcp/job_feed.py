"""What becomes of jobs that clients watch: one connection and one look for all subscriptions of a server."""

import logging
from collections.abc import Callable, Coroutine, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import anyio
import anyio.abc

from pgdex.jobs.logging import fields
from pgdex.jobs.mcp.notifications import Notifications
from pgdex.jobs.mcp.server_context import ServerContext

if TYPE_CHECKING:
    from pgdex.jobs.client.client import Client
    from pgdex.jobs.client.models import JobStatus

SHORTEST_PAUSE_SECONDS = 1.0
"""Between two looks: with four workers there are notifications of a job 20 times a second."""
LONGEST_PAUSE_SECONDS = 5.0
"""The time left changes also without notifications, and one may be lost."""
LISTEN_SECONDS = 0.01

Mark = tuple[str, float, str]

logger = logging.getLogger("pgdex.mcp")


@dataclass(frozen=True, slots=True)
class GoneJob:
    """A job that is no longer there: it was removed with its view, or its history was."""

    job_id: UUID


class Watch:
    """Some jobs, and what there is to tell of them: of each the newest only, so that a slow client piles nothing up."""

    def __init__(self, jobs: Iterable[UUID] = ()) -> None:
        self.jobs = set(jobs)
        self._marks: dict[UUID, Mark] = {}
        self._pending: dict[Hashable, object] = {}
        self._news = anyio.Event()

    def put(self, key: Hashable, news: object) -> None:
        """Something to tell, in place of what was to be told under the same key."""
        self._pending[key] = news
        self._news.set()

    def put_back(self, key: Hashable, news: object) -> None:
        """What could not be told, unless there is something newer."""
        self.put(key, self._pending.get(key, news))

    def look(self, looked_for: Iterable[UUID], found: Mapping[UUID, "JobStatus"]) -> None:
        """Note what has changed since the last look; at the first one everything, since nobody knows what the client
        has seen. A job that has ended or is gone is not looked at again."""
        for job_id in self.jobs & {*looked_for}:
            job = found.get(job_id)
            if job is None:
                self.jobs.discard(job_id)
                self.put(job_id, GoneJob(job_id))
                continue
            mark = job.status, job.progress_percentage, job.progress_message
            if self._marks.get(job_id) != mark:
                self._marks[job_id] = mark
                self.put(job_id, job)
            if job.is_final:
                self.jobs.discard(job_id)

    async def next(self) -> object:
        """What is to be told next, as soon as there is something."""
        while not self._pending:
            self._news = anyio.Event()
            await self._news.wait()
        return self._pending.pop(next(iter(self._pending)))


class JobFeed:
    """Looks at the jobs of all watches when the database has a notification, and at nothing while there are none."""

    def __init__(self, context: ServerContext) -> None:
        self._place = context
        self._watches: dict[int, Watch] = {}
        self._wanted = anyio.Event()
        self._tasks: anyio.abc.TaskGroup | None = None

    @contextmanager
    def watching(self, watch: Watch) -> Iterator[Watch]:
        """`watch` is told of its jobs until the block ends; it may be given more of them meanwhile (`wake`)."""
        self._watches[id(watch)] = watch
        self.wake()
        try:
            yield watch
        finally:
            del self._watches[id(watch)]

    def wake(self) -> None:
        """Look now: a watch has another job."""
        self._wanted.set()

    def start(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do `work` beside the requests, until the server ends. What it raises is logged, and ends nothing else."""
        assert self._tasks is not None, "the server has not started"

        async def guarded() -> None:
            try:
                await work()
            except Exception:
                logger.exception("a subscription broke", extra=fields(action="subscription_broke"))

        self._tasks.start_soon(guarded)

    async def run(self) -> None:
        """Look until it is cancelled."""
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            while True:
                self._wanted = anyio.Event()
                if not self._watched():
                    await self._wanted.wait()
                try:
                    await self._follow()
                except Exception:  # nothing that a subscription meets may end the server
                    logger.exception("watched jobs could not be followed", extra=fields(action="feed_broke"))
                    await anyio.sleep(LONGEST_PAUSE_SECONDS)

    async def _follow(self) -> None:
        """Look as long as something is watched."""
        async with Notifications(self._place.settings).open() as notifications:
            await notifications.wait(LISTEN_SECONDS)  # listens first: what happens after a look is not missed
            while self._watched():
                await self._look()
                await anyio.sleep(SHORTEST_PAUSE_SECONDS)
                await notifications.wait(LONGEST_PAUSE_SECONDS - SHORTEST_PAUSE_SECONDS)

    def _watched(self) -> set[UUID]:
        return {job_id for watch in self._watches.values() for job_id in watch.jobs}

    async def _look(self) -> None:
        """One look. An outage of the database is waited for: whoever reads the resource meanwhile is told of it."""
        wanted = sorted(self._watched())

        def look(client: "Client") -> "dict[UUID, JobStatus]":
            from pgdex.jobs.client.indexed_files import statuses

            found = {job.job_id: job for job in statuses(client.connection, wanted)}
            if any(not job.is_final for job in found.values()):
                self._place.launcher.look(client)
            return found

        try:
            found = await self._place.run(look)
        except Exception as error:
            logger.warning("watched jobs could not be looked at: %s", error, extra=fields(action="feed_failed"))
            return
        for watch in [*self._watches.values()]:
            watch.look(wanted, found)
