"""The procrastinate App: `procrastinate --app=pgdex.app worker` is a whole pgdex worker.

What a pgdex worker does beside fetching jobs (its session lock, heartbeat, reclaiming, admission) runs in the same
process, so that procrastinate's own command line gets it too.
"""

import gc
import os
import sys
from collections.abc import Iterable
from typing import Any

import procrastinate
from procrastinate.jobs import Job
from procrastinate.manager import JobManager

from pgdex.jobs.batches.pools import POOL_SECONDS, RECONNECT_SECONDS
from pgdex.jobs.database.connection import conninfo
from pgdex.jobs.settings import settings
from pgdex.jobs.worker.connector import Connector

# procrastinate prunes workers whose heartbeat it misses, by the server's clock. It must never do so: pgdex's workers
# watch each other by pgdex.workers.beat (worker/heartbeat.py, worker/peers.py).
NEVER_SECONDS = 100 * 366 * 86_400.0
# A stopping worker has this long to bring its batches to an end; then they go back to the queue.
SHUTDOWN_SECONDS = 5.0
QUEUE = "pgdex"
FETCH = (
    "select id, status, task_name, priority, lock, queueing_lock, args, scheduled_at, queue_name, attempts, worker_id"
    " from pgdex.fetch_wake_up(%(queues)s::varchar[], %(worker_id)s)"
)


class Tokens(JobManager):
    """procrastinate's JobManager, which does not fetch for a worker what that worker can't do (pgdex.fetch_wake_up)."""

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> Job | None:
        """The next wake-up of `queues`, or None."""
        row = await self.connector.execute_query_one_async(FETCH, queues=queues, worker_id=worker_id)
        return None if row["id"] is None else Job.from_row(row)


# Whatever the command line says: a worker of other queues would wait for ever, and a wake-up that is kept is of no use.
PINNED: dict[str, Any] = {"queues": [QUEUE], "delete_jobs": "always"}
# A batch makes and drops some 100,000 objects, hardly any of them in cycles: by Python's own thresholds (700, 10, 10)
# looking for those took 5 % of a worker's processor time, and a quarter of the time in which it imports what it needs.
GARBAGE_THRESHOLDS = (50_000, 20, 50)
ENVIRONMENT_PREFIX = "PROCRASTINATE_WORKER_"


class App(procrastinate.App):
    """procrastinate's App, whose workers keep themselves alive in the database and watch over each other."""

    async def run_worker_async(self, **kwargs: Any) -> None:
        """Run a worker, with its liveness beside it, until it is told to stop."""
        gc.set_threshold(*GARBAGE_THRESHOLDS)
        # The enqueuing side needs none of this.
        from pgdex.jobs.worker.process import run_worker
        from pgdex.jobs.worker.stoppable import StoppableWorker

        procrastinate.App.perform_import_paths(self)
        self.job_manager = Tokens(self.connector)
        options: dict[str, Any] = {**self.worker_defaults, **_without_environment(kwargs), **PINNED}
        worker = StoppableWorker(app=self, **options)
        assert isinstance(self.connector, Connector)
        self.connector.is_patient = lambda: not worker.was_stopped
        await run_worker(worker, settings())


def _without_environment(options: dict[str, Any]) -> dict[str, Any]:
    """Options of procrastinate's command line without those that come from variables and not from arguments: they are
    meant for another application of the user's. (Workers of `pgdex worker` don't get the variables at all.)"""
    kept = dict(options)
    if "worker" not in sys.argv:
        return kept  # a program of someone's, which said what it wants
    for variable in [name for name in os.environ if name.startswith(ENVIRONMENT_PREFIX)]:
        option = variable.removeprefix(ENVIRONMENT_PREFIX).lower()
        if not any(argument.startswith(flag) for argument in sys.argv for flag in _flags(option)):
            kept.pop(option, None)
    return kept


def _flags(option: str) -> tuple[str, ...]:
    long = "--" + option.replace("_", "-")
    return {
        "queues": (long, "-q"),
        "concurrency": (long, "-c"),
        "fetch_job_polling_interval": (long, "-p"),
        "abort_job_polling_interval": (long, "-a"),
        "wait": (long, "-w", "--one-shot"),
        "listen_notify": (long, "--no-listen-notify"),
        "name": (long, "-n"),
    }.get(option, (long,))


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
    import_paths=["pgdex.jobs.tasks"],
    worker_defaults={
        "queues": [QUEUE],
        # The history of a job is in job_events; finished wake-ups would only slow the queue down.
        "delete_jobs": "always",
        "update_heartbeat_interval": 10.0,  # procrastinate's own: nobody goes by it
        "shutdown_graceful_timeout": SHUTDOWN_SECONDS,
        "stalled_worker_timeout": NEVER_SECONDS,
        "fetch_job_polling_interval": 2.0,
        "abort_job_polling_interval": 1.0,
    },
)
