"""Saying what a command waits for: on stderr for people, as JSON lines in workers."""

import logging

from pgdex.jobs.database.embedded.place import Place

FIRST_SECONDS = 2.0  # nobody wants to hear of less
AGAIN_SECONDS = 10.0

logger = logging.getLogger("pgdex.server")


class Teller:
    """Tells of one wait, now and then."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._next = FIRST_SECONDS

    def after(self, seconds: float, what: str) -> None:
        """Say that the server `what`, where it is time for it after so many seconds of waiting."""
        if seconds >= self._next:
            self._next = seconds + AGAIN_SECONDS
            logger.warning("The embedded PostgreSQL of %s %s (%.0f s so far) …", self._place.home, what, seconds)
