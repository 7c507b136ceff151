"""How long a call waits for a service that limits its callers.

Giving the batch up would cost more: the job is blocked, loses its admission, and is probed for. So a call waits as long
as the service asks it to, if that is short.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pgdex.indexer.embedding.errors import EmbedderUnavailable

# Limits are per minute, mostly: a bucket that is refilled all the time asks for seconds, one that is refilled at the
# full minute may ask for all of it, and in that time other jobs can work.
LONGEST_WAIT: Final = 20.0
# Of a call that embeds chunks, of a query that somebody waits for, and of a probe, which others wait for.
IN_ALL_SECONDS: Final = 60.0
QUERY_SECONDS: Final = 4.0
PROBE_SECONDS: Final = 1.5

# Where a service asks for less again and again ("Retry-After: 0"), waits double from here.
_FIRST_WAIT: Final = 0.5
# All slots of all workers are told the same: a quarter more at random spreads them out.
_JITTER: Final = 0.25


class Patience:
    """What one call has left to wait. Not for several threads."""

    def __init__(self, seconds: float) -> None:
        self._left = seconds
        self._least = _FIRST_WAIT

    def wait_after(self, error: EmbedderUnavailable) -> float | None:
        """The seconds to wait until the request is sent again, or None if the call is to fail."""
        asked = error.retry_after_seconds
        if not error.limits_callers or asked is None or asked > LONGEST_WAIT:
            return None
        seconds = max(asked, self._least) * (1 + random.uniform(0, _JITTER))  # noqa: S311 - no secret
        if seconds > self._left:
            return None
        self._left -= seconds
        self._least *= 2
        return seconds
