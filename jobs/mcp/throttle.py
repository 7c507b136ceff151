"""A log that a client can't fill: of one kind of line that many in a minute, none longer than a page, each one line."""

import logging
import threading
import time

from pgdex.jobs.client.printable import printable
from pgdex.jobs.logging import fields

MOST_LINES = 30
"""Of one location in the code, within a period."""
PERIOD_SECONDS = 60.0
LONGEST_MESSAGE = 2000
LONGEST_FIELD = 500

logger = logging.getLogger("pgdex.mcp")


class Throttle(logging.Filter):
    """Lets the first lines of a period through, and says at its end how many more there were."""

    def __init__(self, *, most: int = MOST_LINES, period_seconds: float = PERIOD_SECONDS) -> None:
        super().__init__()
        self._most = most
        self._period = period_seconds
        self._lock = threading.Lock()
        self._seen: dict[tuple[str, int], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written; it is cut and made safe on its way."""
        if getattr(record, "is_summary", False):
            return True
        location = record.pathname, record.lineno
        now = time.monotonic()
        with self._lock:
            since, count = self._seen.get(location, (now, 0))
            if now - since >= self._period:
                since, count = now, 0
            count += 1
            self._seen[location] = since, count
        if count > self._most:
            if count == self._most + 1:
                self._summarize_later(location, since, record)
            return False
        _make_safe(record)
        return True

    def _summarize_later(self, location: tuple[str, int], since: float, record: logging.LogRecord) -> None:
        name, level = record.name, record.levelno
        action = getattr(record, "fields", {}).get("action")

        def summarize() -> None:
            with self._lock:
                began, count = self._seen.get(location, (since, 0))
                left_out = count - self._most if began == since else 0
            if left_out > 0:
                logging.getLogger(name).log(
                    level,
                    "%d more lines like the last one of this kind were left out",
                    left_out,
                    extra={**fields(action=action, suppressed=left_out), "is_summary": True},
                )

        timer = threading.Timer(max(0.0, since + self._period - time.monotonic()), summarize)
        timer.daemon = True
        timer.start()


def throttle_logs() -> Throttle:
    """Throttle what every handler of this process writes."""
    throttle = Throttle()
    handlers = {*logging.getLogger().handlers, *logging.getLogger("pgdex").handlers}
    for handler in handlers:
        handler.addFilter(throttle)
    return throttle


def _make_safe(record: logging.LogRecord) -> None:
    record.msg, record.args = _short(printable(record.getMessage(), lines=False), LONGEST_MESSAGE), ()
    extra = getattr(record, "fields", None)
    if isinstance(extra, dict):
        record.fields = {
            name: _short(printable(value), LONGEST_FIELD) if isinstance(value, str) else value
            for name, value in extra.items()
        }


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}… ({len(text):,} characters)"
