"""Poolers: is there one between us and PostgreSQL that gives a connection another session for each transaction?

Nothing in the protocol tells. Whether there is a pooler at all shows in the process number that it answers with at
login, which is not that of the session's process. Which kind it is shows when a second connection holds a transaction
open: it gets the session that the first one has just used, or the first one does not get it back.
"""

import asyncio
import select
import time
from typing import Any

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo

PATIENCE_SECONDS = 3.0
REMEMBERED_SECONDS = 60.0
MY_BACKEND = "select pg_catalog.pg_backend_pid()"

_found: dict[str, tuple[float, bool]] = {}


def is_shared(connection: "psycopg.Connection[Any]") -> bool:
    """Whether transactions of the connection (in autocommit mode, behind a pooler) may run in different sessions."""
    place = _place(connection)
    known = _known(place)
    if known is None:
        before = connection.execute(MY_BACKEND).fetchone()
        other = _another(connection)
        try:
            elsewhere = _backend_of_open_transaction(other)
            after = connection.execute(MY_BACKEND).fetchone() if elsewhere else before
        finally:
            other.close()
        known = _note(place, _value(before) == elsewhere or _value(before) != _value(after))
    return known


async def is_shared_async(connection: "psycopg.AsyncConnection[Any]") -> bool:
    """The same for asyncio; the second connection is a synchronous one, in a thread."""
    place = _place(connection)
    known = _known(place)
    if known is None:
        before = await (await connection.execute(MY_BACKEND)).fetchone()
        other = await asyncio.to_thread(_another, connection)
        try:
            elsewhere = await asyncio.to_thread(_backend_of_open_transaction, other)
            after = await (await connection.execute(MY_BACKEND)).fetchone() if elsewhere else before
        finally:
            other.close()
        known = _note(place, _value(before) == elsewhere or _value(before) != _value(after))
    return known


def _place(connection: "psycopg.Connection[Any] | psycopg.AsyncConnection[Any]") -> str:
    info = connection.info
    return f"{info.host} {info.port} {info.dbname} {info.user}"


def _known(place: str) -> bool | None:
    at, shared = _found.get(place, (0.0, False))
    return shared if at and time.monotonic() - at < REMEMBERED_SECONDS else None


def _note(place: str, shared: bool) -> bool:
    _found[place] = time.monotonic(), shared
    return shared


def _another(connection: "psycopg.Connection[Any] | psycopg.AsyncConnection[Any]") -> psycopg.Connection[Any]:
    where = make_conninfo(connection.info.dsn, password=connection.info.password or None)
    return psycopg.connect(where, autocommit=True)


def _backend_of_open_transaction(other: psycopg.Connection[Any]) -> int | None:
    """Begin a transaction and return the process that it runs in; None where none is free for a while. That is a pool
    of whole sessions, all of which are taken: one of transactions would lend the session that nobody uses just now."""
    other.pgconn.send_query(f"begin; {MY_BACKEND}".encode())
    deadline = time.monotonic() + PATIENCE_SECONDS
    while other.pgconn.is_busy():
        ready, _, _ = select.select([other.pgconn.socket], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return None
        other.pgconn.consume_input()
    while (result := other.pgconn.get_result()) is not None:
        if result.status == pq.ExecStatus.TUPLES_OK and (value := result.get_value(0, 0)) is not None:
            return int(value)
    return None


def _value(row: Any) -> int | None:
    return row[0] if row else None
