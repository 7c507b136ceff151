"""Seeing to it that someone does the jobs: workers are started where none is alive."""

import logging
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from pgdex.jobs.logging import fields

if TYPE_CHECKING:
    from pgdex.jobs.client.client import Client
    from pgdex.jobs.client.models import JobStatus

Workforce = Literal["working", "starting", "none"]

PAUSE_SECONDS = 5.0
"""Workers take up to two seconds until the database sees them; until then nobody looks again."""

logger = logging.getLogger("pgdex.mcp")


class WorkerLauncher:
    """Starts workers where none is alive, as `pgdex index` does; they outlive this server and end when idle."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._started_at = self._looked_at = float("-inf")

    def ensure(self, client: "Client") -> Workforce:
        """Start workers where none is alive, and say who will do the work. Under a login that may not do jobs, and on
        a machine that can't start processes, none are started."""
        from pgdex.jobs.client.workers import living_workers
        from pgdex.jobs.worker.launcher import ensure_workers

        with self._lock:
            self._looked_at = now = time.monotonic()
            if now - self._started_at < PAUSE_SECONDS:
                return "starting"
            try:
                if ensure_workers(client):
                    self._started_at = now
                    logger.info("workers were started", extra=fields(action="workers_started"))
                    return "starting"
            except OSError as error:
                logger.warning("no workers could be started: %s", error, extra=fields(action="workers_failed"))
        return "working" if living_workers(client.connection) else "none"

    def explained(self, job: "JobStatus") -> "JobStatus":
        """`job`; while workers come up, with a message that does not ask for some."""
        if job.status == "pending" and time.monotonic() - self._started_at < PAUSE_SECONDS:
            return replace(job, progress_message="Starting workers")
        return job

    def look(self, client: "Client") -> None:
        """`ensure`, at most every five seconds: for whoever waits for a job whose workers may have died."""
        if time.monotonic() - self._looked_at >= PAUSE_SECONDS:
            self.ensure(client)
