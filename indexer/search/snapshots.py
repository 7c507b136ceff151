"""Reading chunks while jobs write, and while repositories move from one table to another or go."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg import IsolationLevel
from psycopg.pq import TransactionStatus

Connection = psycopg.Connection[tuple[Any, ...]]
T = TypeVar("T")

# A table that is gone belonged to a repository that was just removed: the next look does not see it any more.
LOOKS = 3


def in_one_snapshot(connection: Connection, look: Callable[[], T]) -> T:
    """`look()` in a transaction that sees one state of the database, so that chunks which move to another table
    meanwhile are found in one of them. In a transaction of the caller's it is his state."""
    if connection.info.transaction_status is not TransactionStatus.IDLE:
        return look()
    for last in (look_number == LOOKS for look_number in range(1, LOOKS + 1)):
        try:
            with _snapshot(connection):
                return look()
        except psycopg.errors.UndefinedTable:
            if last:
                raise
    raise AssertionError("the last look returns or raises")


@contextmanager
def _snapshot(connection: Connection) -> Iterator[None]:
    # Said with BEGIN: behind a pooler a transaction begins with a query, and after one it is too late.
    before = connection.isolation_level, connection.read_only
    connection.isolation_level, connection.read_only = IsolationLevel.REPEATABLE_READ, True
    try:
        with connection.transaction():
            yield
    finally:
        connection.isolation_level, connection.read_only = before
