"""Cron expressions: which are taken, and when the next time is. All times are UTC."""

import re
from datetime import UTC, datetime

from croniter import CroniterBadDateError, CroniterError, croniter

from pgdex.jobs.errors import InvalidRequest

FIELDS = "minute, hour, day of the month, month, day of the week"
EXAMPLE = 'every quarter of an hour is "*/15 * * * *", every night at 3:30 UTC "30 3 * * *"'
# croniter also draws times by lot (R) and by hash (H): nobody could say when the next one is.
BY_LOT = re.compile(r"(?<![A-Za-z])[RH](?![A-Za-z])", re.IGNORECASE)


def checked_expression(text: str) -> str:
    """The expression with single blanks, if it has five fields and a time to come. Raises InvalidRequest."""
    expression = " ".join(text.split())
    fields = expression.split(" ")
    if len(fields) != 5 or not expression.isascii():
        count = 0 if not expression else len(fields)
        raise InvalidRequest(
            f"a schedule has five fields ({FIELDS}), and {text[:200]!r} has {count}: {EXAMPLE}"
            if count != 5
            else f"a schedule is written with digits, *, /, - and commas, got {text[:200]!r}: {EXAMPLE}"
        )
    next_time(expression, after=datetime.now(UTC))
    return expression


def next_time(expression: str, *, after: datetime) -> datetime:
    """The first time of the expression after `after` (aware). Raises InvalidRequest for one that is wrong, or that
    never comes."""
    if BY_LOT.search(expression):
        raise InvalidRequest(f"the schedule {expression!r} has no fixed times: {EXAMPLE}")
    try:
        found = croniter(expression, after.astimezone(UTC)).get_next(datetime)
    except CroniterBadDateError:
        raise InvalidRequest(f"the schedule {expression!r} never matches: no month has such a day") from None
    except (CroniterError, OverflowError) as error:
        raise InvalidRequest(
            f"the schedule {expression!r} is not a cron expression ({FIELDS}): {error}; {EXAMPLE}"
        ) from None
    assert isinstance(found, datetime)
    return found
