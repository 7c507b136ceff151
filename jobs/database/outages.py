"""What an error of the database means for the work at hand: is it away, full, or was it only this statement?"""

import logging
import time
from collections.abc import Callable
from enum import Enum, auto
from typing import TypeVar

import psycopg

from pgdex.jobs.logging import fields

Result = TypeVar("Result")

FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 2.0

# Standing connections end with these: shut down, crashed, starting, idle for too long. A standby after a failover says
# that it takes no writes. Without a code: the connection could not be made, or broke.
UNAVAILABLE = {"57P01", "57P02", "57P03", "57P05", "53300", "25006"}
# Ended for taking too long: cancelled (or by a person), idle in a transaction (or the process was stopped in the middle
# of it), a transaction's time. Our sessions set these limits themselves (see sessions.py), so it happens once or by
# something that they can't lift, and then each time.
LIMITED = {"57014", "25P03", "25P04"}
# PgBouncer's words, under the code of every error of its own.
POOLERS_LIMITS = ("query timeout", "query_timeout", "transaction timeout")
LIMIT_TRIES = 5
RESOURCES_EXHAUSTED = {
    "53100": "its disk is full",
    "53200": "it is out of memory",
    "53400": "one of its limits is reached",
}
READ_ONLY = (
    "the database takes no writes: it is a replica, or was made read-only. Searches work; for everything else let "
    "PGDEX_DATABASE_URL lead to the primary (with several hosts in it, add target_session_attrs=read-write)"
)
TRANSIENT = {"40001", "40P01", "55P03"}  # serialization, deadlock, lock not available

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

    UNAVAILABLE = auto()
    """Wait and try again: it comes back."""
    RESOURCES_EXHAUSTED = auto()
    """Stop: someone has to free some space first."""
    TRANSIENT = auto()
    """Try the same again at once."""
    LIMITED = auto()
    """It was ended for taking too long: try again some times, and then say so."""
    PERMANENT = auto()
    """The statement can't be done, however often it is tried."""


def meaning_of(error: psycopg.Error) -> Meaning:
    """Judge by the SQLSTATE."""
    state = error.sqlstate
    if state in LIMITED or (state in (None, "08P01") and any(words in str(error) for words in POOLERS_LIMITS)):
        return Meaning.LIMITED
    if state is None:
        return Meaning.UNAVAILABLE if isinstance(error, psycopg.OperationalError) else Meaning.PERMANENT
    if state in UNAVAILABLE or state.startswith("08"):
        return Meaning.UNAVAILABLE
    if state in RESOURCES_EXHAUSTED:
        return Meaning.RESOURCES_EXHAUSTED
    return Meaning.TRANSIENT if state in TRANSIENT else Meaning.PERMANENT


def full_message(error: psycopg.Error) -> str:
    """For people: what the database has run out of, and what to do."""
    what = RESOURCES_EXHAUSTED[error.sqlstate or ""]
    said = " ".join(str(error.diag.message_primary or error).split())
    if "shared memory segment" in said:  # under the code of a full disk, and more disk would not help
        return (
            f"The database can't take more: its shared memory is full ({said}). Give /dev/shm of its machine or "
            "container more (docker run --shm-size), then index again: what was indexed is kept."
        )
    return (
        f"The database can't take more: {what} ({said}). Free some space, then index again: what was indexed is kept."
    )


def limit_message(error: psycopg.Error) -> str:
    """For people: which limit ends the work each time, and where to look for it."""
    said = " ".join(str(error.diag.message_primary or error).split())
    return (
        f"The database ended the same work {LIMIT_TRIES} times for taking too long ({said}). pgdex's sessions lift "
        "statement_timeout and transaction_timeout themselves, so this is a limit that they can't lift, such as a "
        "connection pooler's query_timeout, or someone who cancels them. Raise it or connect to PostgreSQL itself, "
        "then index again: what was indexed is kept."
    )


def refusal_message(error: BaseException) -> str | None:
    """For whoever waits for an answer: that a limit of `sessions.FRONT_END` was reached, or that the database takes no
    writes; None for other errors."""
    if isinstance(error, psycopg.errors.LockNotAvailable):
        return (
            "the database is busy: another session has locked what this needs and does not let go (a dump, a "
            "migration, a transaction that someone left open; pg_stat_activity shows it). Nothing was changed: try "
            "again later"
        )
    if isinstance(error, psycopg.errors.QueryCanceled):
        return "the database is busy: it did not answer in time. Nothing was changed: try again later"
    if isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
        return READ_ONLY
    return None


def until_back(call: Callable[[], Result], *, stop: Callable[[], None], what: str) -> Result:
    """`call()`, again with a growing delay while the database is away. `stop` raises when it is time to give up.

    An error that says that it took too long is raised the fifth time."""
    backoff = Backoff()
    limited = 0
    while True:
        try:
            return call()
        except psycopg.Error as error:
            meaning = meaning_of(error)
            limited += meaning is Meaning.LIMITED
            if meaning not in (Meaning.UNAVAILABLE, Meaning.LIMITED) or limited >= LIMIT_TRIES:
                raise
            reason = str(error).strip()
            logger.warning("waiting for the database (%s): %s", what, reason, extra=fields(action="database_away"))
        _sleep(backoff.next(), stop)


def _sleep(seconds: float, stop: Callable[[], None]) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        stop()
        time.sleep(min(0.1, left))
