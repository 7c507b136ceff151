"""Saying what a command waits for: on stderr for people, as JSON lines in workers."""

import logging

from pgdex.jobs.database.embedded.paths import HomePaths

FIRST_SECONDS = 2.0  # nobody wants to hear of less
AGAIN_SECONDS = 10.0

logger = logging.getLogger("pgdex.server")


class Teller:
    """Tells of one wait, now and then."""

    def __init__(self, paths: HomePaths) -> None:
        self._paths = paths
        self._next = FIRST_SECONDS

    def after(self, seconds: float, what: str) -> None:
        """Say that the server `what`, where it is time for it after that many seconds of waiting."""
        if seconds >= self._next:
            self._next = seconds + AGAIN_SECONDS
            logger.warning("The embedded PostgreSQL of %s %s (%.0f s so far) …", self._paths.home, what, seconds)
