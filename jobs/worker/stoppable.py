"""procrastinate's worker, stopped for a reason that it remembers."""

import logging

from procrastinate.worker import Worker

from pgdex.jobs.database.schema_watch import End
from pgdex.jobs.logging import fields
from pgdex.jobs.worker.schedules import keep_deferring

logger = logging.getLogger("pgdex.worker")


class StoppableWorker(Worker):
    """procrastinate's Worker, which remembers that it was told to stop."""

    was_stopped = False
    was_left_behind = False

    async def _periodic_deferrer(self) -> None:
        await keep_deferring(self.app)

    def stop(self) -> None:
        """Finish what is in progress and return from `run`."""
        self.was_stopped = True
        Worker.stop(self)

    def leave(self, end: End) -> None:
        """Stop after the batch, because the schema is not this worker's any more or is about to be changed."""
        if not self.was_stopped or end.is_left_behind > self.was_left_behind:  # says each once
            level = logging.ERROR if end.is_left_behind else logging.INFO
            logger.log(level, "%s", end.reason, extra=fields(action="schema_changed", worker_id=self.worker_id))
        self.was_left_behind = end.is_left_behind
        self.stop()

    async def run(self) -> None:
        """Fetch and do jobs until it is stopped. Raises ConnectorException."""
        await Worker.run(self)
