"""The server's own log, kept short: the server has the file open for as long as it runs, so it is emptied in place."""

import os
import re
from contextlib import suppress
from pathlib import Path

LARGEST_BYTES = 10_000_000
TAIL_BYTES = 262_144
STARTING = "starting PostgreSQL"
RECOVERING = re.compile(r"LOG: +(database system was (?:interrupted|not properly).*|redo .*|syncing data directory.*)")


def keep_short(log: Path) -> None:
    """Move what is in the log to `server.log.1` where it has grown too large. A line that is written in that moment may
    be lost; the server appends, so it goes on at the beginning."""
    with suppress(OSError):
        if log.stat().st_size <= LARGEST_BYTES:
            return
        source = os.open(log, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            old = log.with_name(f"{log.name}.1")
            new = old.with_name(f"{old.name}.new")
            new.unlink(missing_ok=True)
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as copy:
                size = os.fstat(source).st_size
                copy.write(os.pread(source, LARGEST_BYTES, max(0, size - LARGEST_BYTES)))
            new.rename(old)
            os.ftruncate(source, 0)
        finally:
            os.close(source)


def said_since(log: Path, began: int) -> str:
    """What was logged from a position on, its end where it is long."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(min(began, size), size - TAIL_BYTES))
            return file.read().decode(errors="backslashreplace")
    except OSError:
        return ""


def recovery_step(log: Path) -> str | None:
    """What the server that starts now is at, in its own words; None where it does not recover anything."""
    said = said_since(log, 0).rpartition(STARTING)[2]
    steps: list[str] = RECOVERING.findall(said)
    return steps[-1].strip() if steps else None
