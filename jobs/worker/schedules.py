"""What workers do about schedules: once a minute, one of them enqueues the jobs that are due.

procrastinate's periodic tasks say when to look: whichever worker is first defers the task of a minute, once in the
cluster. Whether a schedule is due is decided by the database's clock alone, so a worker with a wrong clock looks too
often or too seldom, and starts nothing early.
"""

import asyncio
import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import psycopg
from procrastinate import App
from procrastinate.exceptions import ConnectorException
from procrastinate.periodic import PeriodicDeferrer, PeriodicTask, TaskAtTime

from pgdex.jobs.client.cron import next_time
from pgdex.jobs.database.connection import Connection
from pgdex.jobs.errors import InvalidRequest
from pgdex.jobs.logging import fields

TRY_AGAIN_SECONDS = 60.0
ANY = "select exists (select from pgdex.schedules) as any"
SCHEDULES = "select view_id, expression, clock_timestamp() from pgdex.schedules order by view_id"
ENQUEUE = "select pgdex.enqueue_scheduled(%s, %s, %s)"
WRONG = "update pgdex.schedules set error = %(error)s where view_id = %(view)s and error is distinct from %(error)s"

logger = logging.getLogger("pgdex.worker")


def enqueue_due(connection: Connection) -> int:
    """Enqueue a job for each schedule that is due; returns how many. Raises psycopg.Error."""
    due: list[tuple[int, str, datetime]] = []
    for view_id, expression, now in connection.execute(SCHEDULES).fetchall():
        try:
            due.append((view_id, expression, next_time(expression, after=now)))
        except InvalidRequest as error:  # schedule_view takes what only croniter can tell to be wrong
            connection.execute(WRONG, {"view": view_id, "error": str(error)})
    if not due:
        return 0
    row = connection.execute(ENQUEUE, [list(column) for column in zip(*due, strict=True)]).fetchone()
    return int(row[0]) if row else 0


class Deferrer(PeriodicDeferrer):
    """procrastinate's deferrer, which makes up for the last minute at most, and not for each that was slept through: a
    machine that wakes up, or whose clock is set forward, would defer hundreds of tasks. Where nothing is scheduled it
    writes nothing."""

    def __init__(self, app: App) -> None:
        super().__init__(app.periodic_registry, **app.periodic_defaults)
        self._app = app

    def get_timestamps(
        self, periodic_task: PeriodicTask[Any, Any, Any], since: int | None, until: float
    ) -> Iterable[int]:
        """The last time of the task before `until`, unless that is the one before."""
        return [time for time in super().get_timestamps(periodic_task, None, until) if time != since]

    async def defer_jobs(self, jobs_to_defer: Iterable[TaskAtTime]) -> None:
        """As in the base class, if there is any schedule. An error is not the worker's end."""
        wanted = list(jobs_to_defer)
        try:
            if (await self._app.connector.execute_query_one_async(ANY))["any"]:
                await super().defer_jobs(wanted)
        except (ConnectorException, psycopg.Error) as error:
            logger.warning("schedules are looked at later: %s", error, extra=fields(action="schedules_put_off"))


async def keep_deferring(app: App) -> None:
    """Run the deferrer until it is cancelled."""
    while True:
        try:
            return await Deferrer(app).worker()
        except Exception as error:  # procrastinate ends a worker whose deferrer ends
            logger.warning("schedules are looked at later: %s", error, extra=fields(action="schedules_put_off"))
        await asyncio.sleep(TRY_AGAIN_SECONDS)
