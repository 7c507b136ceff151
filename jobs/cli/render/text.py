"""Small pieces of text: counts, times, ids."""

from datetime import datetime, timedelta
from uuid import UUID

from pgdex.jobs.client.printable import printable as printable  # noqa: PLC0414 (what is rendered goes through it)

SHORT_ID = 8


def count(number: int, singular: str, plural: str | None = None) -> str:
    """ "1 file", "15,259 files"."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def duration(seconds: float) -> str:
    """Seconds as people read them, like pgdex.duration_text: 0.4 s, 19 s, 3 min 20 s, 2 h 5 min, and 3 d 4 h."""
    if seconds < 9.95:
        return f"{max(seconds, 0):.1f} s"
    whole = max(10, int(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 48 * 3600:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def age(timestamp: datetime, *, now: datetime) -> str:
    """How long ago, roughly: "just now", "4 min ago", "3 d ago"."""
    seconds = max(0, (now - timestamp) // timedelta(seconds=1))
    if seconds < 5:
        return "just now"
    for limit, size, unit in ((60, 1, "s"), (3600, 60, "min"), (48 * 3600, 3600, "h")):
        if seconds < limit:
            return f"{seconds // size} {unit} ago"
    return f"{seconds // 86400} d ago"


def local_time(timestamp: datetime) -> str:
    """The timestamp on the user's clock: 2026-11-21 14:03:07."""
    return timestamp.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def size(number: int) -> str:
    """Bytes as people read them: 812 B, 4.1 KB, 12 MB."""
    amount = float(number)
    for unit in ("B", "KB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 10 else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def short_ids(ids: list[UUID]) -> list[str]:
    """The first 8 or more characters of each, as many as it takes to tell them apart."""
    for length in range(SHORT_ID, 37):
        short = [str(one)[:length] for one in ids]
        if len(set(short)) == len(set(ids)):
            return short
    return [str(one) for one in ids]
