"""Logs of workers: one JSON object per line on stderr, for people with `jq` and for collectors."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

FIELDS = "fields"
LIBRARIES = ("asyncio", "procrastinate", "psycopg")


class JsonLines(logging.Formatter):
    """time (ISO 8601, UTC), level, logger, message; the record's `fields`; and "error" with a traceback if any."""

    def format(self, record: logging.LogRecord) -> str:
        """One record as one line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, FIELDS, {}),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)  # ASCII only: a file name may hold what no encoding takes


def fields(**values: Any) -> dict[str, dict[str, Any]]:
    """The `extra` of a log call: keys of the JSON line, without the ones that have no value."""
    return {FIELDS: {name: value for name, value in values.items() if value is not None}}


def log_as_json(level: int = logging.INFO) -> None:
    """Send what `pgdex` logs, and warnings of the libraries that log in an outage, to stderr as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for name, least in (("pgdex", level), *((library, logging.WARNING) for library in LIBRARIES)):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(least)
        logger.propagate = False
