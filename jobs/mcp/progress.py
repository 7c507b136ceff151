"""Progress notifications of one request: not too many, always rising, and some even where nothing moves."""

import time

from mcp.server.mcpserver import Context

SHORTEST_SECONDS = 0.5
LONGEST_SECONDS = 5.0
"""Clients give up on a call that is silent: one that waits in a queue says so now and then."""
STEP = 0.001
"""The protocol wants each value to be above the one before."""


class ProgressReports:
    """Sends a job's percentage; nothing where the client did not ask for progress."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._value = -STEP
        self._message: str | None = None
        self._sent_at = float("-inf")

    async def send(self, percentage: float, message: str) -> None:
        """Send what is new, at most twice a second."""
        now = time.monotonic()
        since = now - self._sent_at
        is_news = percentage > self._value or message != self._message
        if since < SHORTEST_SECONDS or not (is_news or since >= LONGEST_SECONDS):
            return
        self._value = round(max(percentage, self._value + STEP), 3)
        self._message, self._sent_at = message, now
        await self._context.report_progress(self._value, 100.0, message)
