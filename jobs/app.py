"""The procrastinate App: `procrastinate --app=jobs.app.app worker` is a whole pgdex worker.

What a pgdex worker does beside fetching jobs (its session lock, heartbeat, reclaiming, admission) runs in the same
process, so that procrastinate's own command line gets it too.
"""

from collections.abc import Iterable
from typing import Any

import procrastinate
from procrastinate.jobs import Job
from procrastinate.manager import JobManager

from jobs.connector import Connector
from jobs.database import conninfo
from jobs.pools import POOL_SECONDS, RECONNECT_SECONDS
from jobs.settings import settings

HEARTBEAT_SECONDS = 2.0
# A stopping worker has this long to bring its batches to an end; then they go back to the queue.
SHUTDOWN_SECONDS = 5.0
QUEUE = "pgdex"
FETCH = (
    "select id, status, task_name, priority, lock, queueing_lock, args, scheduled_at, queue_name, attempts, worker_id"
    " from pgdex.fetch_token(%(queues)s::varchar[], %(worker_id)s)"
)


class Tokens(JobManager):
    """procrastinate's JobManager, which does not fetch for a worker what that worker can't do (pgdex.fetch_token)."""

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> Job | None:
        """The next token of `queues`, or None."""
        row = await self.connector.execute_query_one_async(FETCH, queues=queues, worker_id=worker_id)
        return None if row["id"] is None else Job.from_row(row)


class App(procrastinate.App):
    """procrastinate's App, whose workers keep themselves alive in the database and watch over each other."""

    async def run_worker_async(self, **kwargs: Any) -> None:
        """Run a worker, with its liveness beside it, until it is told to stop."""
        from jobs.worker_process import StoppableWorker, run_worker  # the enqueuing side needs none of this

        procrastinate.App.perform_import_paths(self)
        self.job_manager = Tokens(self.connector)
        options: dict[str, Any] = {**self.worker_defaults, **kwargs}
        worker = StoppableWorker(app=self, **options)
        assert isinstance(self.connector, Connector)
        self.connector.is_patient = lambda: not worker.was_stopped
        await run_worker(worker, settings())


app = App(
    connector=Connector(
        # Resolved when the pool opens: importing this module neither reads settings nor starts a server.
        conninfo=lambda: conninfo(settings(), application="pgdex queue"),
        min_size=1,
        max_size=4,
        timeout=POOL_SECONDS,
        reconnect_timeout=RECONNECT_SECONDS,
        # Each of procrastinate's statements is a whole transaction. By default a process that is stopped between a
        # statement and its COMMIT holds rows of the queue, and peers that reclaim wait for it until it wakes.
        kwargs={"autocommit": True},
    ),
    import_paths=["jobs.tasks"],
    worker_defaults={
        "queues": [QUEUE],
        # The history of a job is in job_events; finished tokens would only slow the queue down.
        "delete_jobs": "always",
        "update_heartbeat_interval": HEARTBEAT_SECONDS,
        "shutdown_graceful_timeout": SHUTDOWN_SECONDS,
        # Its pruning at start must not strike anybody off behind the back of reclaim_batches.
        "stalled_worker_timeout": 86_400.0,
        "fetch_job_polling_interval": 2.0,
        "abort_job_polling_interval": 1.0,
    },
)
