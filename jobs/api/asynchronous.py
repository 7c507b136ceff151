"""The same for asyncio: every call runs in a thread, so that the event loop goes on."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from functools import partial, wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import UUID

from pgdex.jobs.api.connections import MOST_CONNECTIONS
from pgdex.jobs.api.following import completed
from pgdex.jobs.api.synchronous import Pgdex, Progress
from pgdex.jobs.client.models import JobStatus
from pgdex.jobs.settings import Settings

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

MOST_FOLLOWING = 32
"""Threads for jobs that are followed, which take one for a second each time; calls have others, so they never wait
behind these."""


def _in_thread(
    method: "Callable[Concatenate[Pgdex, Arguments], Result]",
) -> "Callable[Concatenate[AsyncPgdex, Arguments], Coroutine[Any, Any, Result]]":
    """A method of Pgdex as one to be awaited, with the same arguments and the same description."""

    @wraps(method)
    async def call(self: "AsyncPgdex", /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        return await self._call(partial(method, self._pgdex, *args, **kwargs))

    return call


class AsyncPgdex:
    """pgdex for programs with an event loop, as `pgdex.connect_async()` makes it: the methods of `Pgdex`, to be
    awaited.

    `async with pgdex.connect_async() as px:` and `px = await pgdex.connect_async()` connect; it is not bound to one
    loop. If a task that awaits a call is cancelled, the loop goes on at once, and what the call had begun (a removal,
    perhaps) is still done, in its thread. Raises as Pgdex does.
    """

    def __init__(self, settings: Settings, *, start_workers: bool = True) -> None:
        self._pgdex = Pgdex(settings, start_workers=start_workers)
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._calling = ThreadPoolExecutor(MOST_CONNECTIONS, thread_name_prefix="pgdex")
        self._following = ThreadPoolExecutor(MOST_FOLLOWING, thread_name_prefix="pgdex-following")

    @property
    def settings(self) -> Settings:
        """What it was opened with."""
        return self._pgdex.settings

    def __await__(self) -> "Generator[Any, None, AsyncPgdex]":
        """Connect."""
        return self.__aenter__().__await__()

    async def __aenter__(self) -> "AsyncPgdex":
        """Connect. Raises DatabaseUnavailable, SchemaBehind, NotAllowed."""
        await self._call(self._pgdex.open)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close its connections. Calls afterwards raise PgdexError; jobs continue."""
        await self._call(self._pgdex.close)  # the idle threads end with this object

    start = _in_thread(Pgdex.start)
    status = _in_thread(Pgdex.status)
    events = _in_thread(Pgdex.events)
    cancel = _in_thread(Pgdex.cancel)
    retry = _in_thread(Pgdex.retry)
    list_jobs = _in_thread(Pgdex.list_jobs)
    repositories = _in_thread(Pgdex.repositories)
    search = _in_thread(Pgdex.search)
    related = _in_thread(Pgdex.related)
    remove = _in_thread(Pgdex.remove)

    async def index(
        self,
        path: str | Path,
        *,
        project: str | None = None,
        name: str | None = None,
        branch: str | None = None,
        tag: str | None = None,
        commit: str | None = None,
        submodules: bool | None = None,
        force: bool = False,
        no_ignore: bool | None = None,
        allow_broad: bool = False,
        progress: Progress | None = None,
        timeout: float | None = None,
    ) -> JobStatus:
        """As `Pgdex.index`; `progress` is called on the event loop."""
        started = await self.start(
            path,
            project=project,
            name=name,
            branch=branch,
            tag=tag,
            commit=commit,
            submodules=submodules,
            force=force,
            no_ignore=no_ignore,
            allow_broad=allow_broad,
        )
        return completed(await self.wait(started.job_id, progress=progress, timeout=timeout))

    async def wait(
        self,
        job_id: UUID | str,
        *,
        progress: Progress | None = None,
        timeout: float | None = None,
    ) -> JobStatus:
        """As `Pgdex.wait`; `progress` is called on the event loop."""
        async with aclosing(self.follow(job_id, timeout=timeout)) as statuses:
            async for status in statuses:
                if progress is not None:
                    progress(status)
        return status

    async def follow(
        self,
        job_id: UUID | str,
        *,
        timeout: float | None = None,
    ) -> AsyncGenerator[JobStatus, None]:
        """As `Pgdex.follow`, for `async for`."""
        following = self._pgdex.following(job_id, timeout=timeout)
        try:
            while (status := await self._follow(following.next)) is not None:
                yield status
        finally:
            await asyncio.shield(self._follow(following.close))  # behind what a cancelled task has left in its thread

    async def _call(self, action: Callable[[], Result]) -> Result:
        self._look_for_fork()
        return await asyncio.get_running_loop().run_in_executor(self._calling, action)

    async def _follow(self, action: Callable[[], Result]) -> Result:
        self._look_for_fork()
        return await asyncio.get_running_loop().run_in_executor(self._following, action)

    def _look_for_fork(self) -> None:
        if self._process != os.getpid():
            self._begin()  # threads don't come along
