"""What an error of the database means for the work at hand: is it away, full, or was it only this statement?"""

import logging
import time
from collections.abc import Callable
from enum import Enum, auto
from typing import TypeVar

import psycopg

from jobs.logs import fields

Result = TypeVar("Result")

FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 2.0

# Standing connections end with these: shut down, crashed, starting, idle for too long (also in a transaction: the
# process was stopped in the middle of it). A standby after a failover says
# that it takes no writes. Without a code: the connection could not be made, or broke.
AWAY = {"57P01", "57P02", "57P03", "57P05", "25P03", "25P04", "53300", "25006"}
FULL = {"53100": "its disk is full", "53200": "it is out of memory", "53400": "one of its limits is reached"}
PASSING = {"40001", "40P01", "55P03", "57014"}  # serialization, deadlock, lock not available, cancelled by a person

logger = logging.getLogger("pgdex.worker")


class Backoff:
    """The seconds to wait before each next try: twice as long each time, up to `longest`."""

    def __init__(self, *, first: float = FIRST_DELAY_SECONDS, longest: float = LONGEST_DELAY_SECONDS) -> None:
        if not 0 < first <= longest:
            raise ValueError(f"first must be positive and at most longest, got {first} and {longest}")
        self._first = first
        self._longest = longest
        self._delay = first

    def next(self) -> float:
        """The seconds to wait now."""
        delay = self._delay
        self._delay = min(delay * 2, self._longest)
        return delay

    def reset(self) -> None:
        """A try has gone well: begin with `first` again."""
        self._delay = self._first


class Meaning(Enum):
    """What is to be done about an error."""

    AWAY = auto()
    """Wait and try again: it comes back."""
    FULL = auto()
    """Stop: somebody has to make room first."""
    PASSING = auto()
    """Try the same again at once."""
    REFUSED = auto()
    """The statement can't be done, however often it is tried."""


def meaning_of(error: psycopg.Error) -> Meaning:
    """Judge by the SQLSTATE."""
    state = error.sqlstate
    if state is None:
        return Meaning.AWAY if isinstance(error, psycopg.OperationalError) else Meaning.REFUSED
    if state in AWAY or state.startswith("08"):
        return Meaning.AWAY
    if state in FULL:
        return Meaning.FULL
    return Meaning.PASSING if state in PASSING else Meaning.REFUSED


def full_message(error: psycopg.Error) -> str:
    """For people: what the database has run out of, and what to do."""
    what = FULL[error.sqlstate or ""]
    said = " ".join(str(error.diag.message_primary or error).split())
    return f"The database can't take more: {what} ({said}). Make room, then index again: what was indexed is kept."


def until_back(call: Callable[[], Result], *, stop: Callable[[], None], what: str) -> Result:
    """`call()`, again with a growing delay while the database is away. `stop` raises when it is time to give up."""
    backoff = Backoff()
    while True:
        try:
            return call()
        except psycopg.Error as error:
            if meaning_of(error) is not Meaning.AWAY:
                raise
            reason = str(error).strip()
            logger.warning("waiting for the database (%s): %s", what, reason, extra=fields(action="database_away"))
        _sleep(backoff.next(), stop)


def _sleep(seconds: float, stop: Callable[[], None]) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        stop()
        time.sleep(min(0.1, left))
