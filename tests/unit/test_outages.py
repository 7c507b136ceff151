"""What an error of the database means, and waiting for it to come back."""

import psycopg
import pytest
from psycopg import errors
from psycopg_pool import PoolTimeout

from pgdex.jobs.database.outages import Backoff, Meaning, full_message, meaning_of, until_back


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (psycopg.OperationalError("the connection is lost"), Meaning.UNAVAILABLE),
        (PoolTimeout("no connection within 1.5 s"), Meaning.UNAVAILABLE),
        (errors.AdminShutdown(), Meaning.UNAVAILABLE),
        (errors.CrashShutdown(), Meaning.UNAVAILABLE),
        (errors.CannotConnectNow(), Meaning.UNAVAILABLE),
        (errors.TooManyConnections(), Meaning.UNAVAILABLE),
        (errors.IdleInTransactionSessionTimeout(), Meaning.LIMITED),
        (errors.TransactionTimeout(), Meaning.LIMITED),
        (psycopg.OperationalError("query timeout"), Meaning.LIMITED),
        (errors.ConnectionFailure(), Meaning.UNAVAILABLE),
        (errors.ReadOnlySqlTransaction(), Meaning.UNAVAILABLE),
        (errors.DiskFull(), Meaning.RESOURCES_EXHAUSTED),
        (errors.OutOfMemory(), Meaning.RESOURCES_EXHAUSTED),
        (errors.ConfigurationLimitExceeded(), Meaning.RESOURCES_EXHAUSTED),
        (errors.DeadlockDetected(), Meaning.TRANSIENT),
        (errors.SerializationFailure(), Meaning.TRANSIENT),
        (errors.QueryCanceled(), Meaning.LIMITED),
        (errors.UndefinedTable(), Meaning.PERMANENT),
        (errors.CheckViolation(), Meaning.PERMANENT),
        (psycopg.InterfaceError("cursor already closed"), Meaning.PERMANENT),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.name,
)
def test_each_error_has_one_meaning(error: psycopg.Error, meaning: Meaning) -> None:
    assert meaning_of(error) is meaning


def test_a_full_disk_is_told_in_words_that_say_what_to_do() -> None:
    message = full_message(errors.DiskFull("could not extend file: No space left on device\nHINT: check"))
    assert message.startswith("The database can't take more: its disk is full (could not extend file")
    assert message.endswith("Free some space, then index again: what was indexed is kept.")
    assert "\n" not in message


def test_full_shared_memory_is_no_full_disk() -> None:
    said = 'could not resize shared memory segment "/PostgreSQL.7" to 67146080 bytes: No space left on device'
    message = full_message(errors.DiskFull(said))
    assert "its disk" not in message
    assert "--shm-size" in message


def test_each_wait_is_twice_as_long_up_to_the_longest_and_short_again_after_a_success() -> None:
    backoff = Backoff(first=0.1, longest=0.5)
    assert [backoff.next() for _ in range(5)] == [0.1, 0.2, 0.4, 0.5, 0.5]
    backoff.reset()
    assert [backoff.next() for _ in range(2)] == [0.1, 0.2]


@pytest.mark.parametrize(("first", "longest"), [(0, 1), (-1, 1), (2, 1)])
def test_waits_that_make_no_sense_are_refused(first: float, longest: float) -> None:
    with pytest.raises(ValueError, match=f"got {first} and {longest}"):
        Backoff(first=first, longest=longest)


def test_a_call_is_repeated_until_the_database_is_back() -> None:
    answers: list[psycopg.Error | str] = [errors.CannotConnectNow(), psycopg.OperationalError("refused"), "done"]

    def call() -> str:
        answer = answers.pop(0)
        if isinstance(answer, psycopg.Error):
            raise answer
        return answer

    assert until_back(call, stop=lambda: None, what="a test") == "done"
    assert answers == []


def test_what_waiting_can_not_mend_is_raised_at_once() -> None:
    calls: list[int] = []

    def call() -> None:
        calls.append(1)
        raise errors.DiskFull

    with pytest.raises(errors.DiskFull):
        until_back(call, stop=lambda: None, what="a test")
    assert len(calls) == 1


def test_waiting_ends_when_the_work_is_no_longer_wanted() -> None:
    def call() -> None:
        raise errors.AdminShutdown

    def stop() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        until_back(call, stop=stop, what="a test")
