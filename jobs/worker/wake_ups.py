"""What a worker makes of notifications: reasons to look, and never the truth.

Whoever may log in to the database may send anything on any channel, as often as they like. So what a notification says
is not believed (which jobs are to be aborted is read from their rows), and many of them are one reason to look.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterable

from procrastinate.connector import Notify

from pgdex.jobs.logging import fields

# Between two looks. The first notification after a quiet time waits for nothing.
PAUSE_SECONDS = 0.05
INSERTED, ABORT = "job_inserted", "abort_job_requested"  # procrastinate's types of notifications

logger = logging.getLogger("pgdex.worker")


class WakeUps:
    """Notifications that came in, handed on to procrastinate's worker at most every PAUSE_SECONDS."""

    def __init__(self, on_notification: Notify, *, jobs_to_abort: Callable[[], Awaitable[Iterable[int]]]) -> None:
        """`jobs_to_abort` reads the ids of running jobs whose rows say that they are to be aborted."""
        self._on_notification = on_notification
        self._jobs_to_abort = jobs_to_abort
        self._channel = ""
        self._types: set[str] = set()
        self._came = asyncio.Event()

    def take(self, channel: str, payload: str) -> None:
        """Note that there is a reason to look; what procrastinate would not understand is none."""
        for kind in (INSERTED, ABORT):
            if f'"{kind}"' in payload:
                self._channel = channel
                self._types.add(kind)
                self._came.set()

    async def run(self) -> None:
        """Hand on what comes. Runs until it is cancelled."""
        while True:
            await self._came.wait()
            self._came.clear()
            types, self._types = self._types, set()
            try:
                if INSERTED in types:
                    await self._tell(INSERTED, 0)
                for job_id in await self._jobs_to_abort() if ABORT in types else ():
                    await self._tell(ABORT, job_id)
            except Exception as error:  # the worker polls too; without this task it would be deaf
                logger.warning("a notification was lost: %r", error, extra=fields(action="notification_lost"))
            await asyncio.sleep(PAUSE_SECONDS)

    async def _tell(self, kind: str, job_id: int) -> None:
        await self._on_notification(channel=self._channel, payload=json.dumps({"type": kind, "job_id": job_id}))
