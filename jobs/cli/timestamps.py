"""Points in time as people type them."""

import re
from datetime import UTC, datetime, timedelta

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
AGE = re.compile(r"(?:\d+[smhdw])+")
PART = re.compile(r"(\d+)([smhdw])")


def parsed_moment(text: str, *, now: datetime) -> datetime:
    """The moment that `text` means: ISO 8601 (local time where it names no zone), or an age such as "2h" or "1d12h".

    `now` is aware; so is the result. Raises ValueError with a message for the user.
    """
    given = text.strip()
    if AGE.fullmatch(given.lower()):
        parts = PART.findall(given.lower())
        try:
            age = sum((timedelta(**{UNITS[unit]: int(number)}) for number, unit in parts), timedelta())
            return now - age
        except OverflowError:
            raise ValueError(f"{text!r} is longer ago than any date") from None
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        raise ValueError(
            f"{text!r} is no time: use an age such as 30m, 2h, 3d or 1w, or ISO 8601 such as "
            "2026-11-21 or 2026-11-21T14:30+01:00"
        ) from None
    try:
        return moment.astimezone(UTC)
    except (OverflowError, OSError, ValueError):
        raise ValueError(f"{text!r} is outside the dates that can be computed with") from None
