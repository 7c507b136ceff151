"""Poolers: is there one between us and PostgreSQL that gives a connection another session for each transaction?

Nothing in the protocol tells. Whether there is a pooler at all shows in the process number that it answers with at
login, which is not that of the session's process. Which kind it is shows when two connections take turns: of a pool of
transactions one of them soon gets a session that the other has just given back, or not the one that it had.
"""

import asyncio
import selectors
import time
from contextlib import closing
from typing import Any

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo

PATIENCE_SECONDS = 3.0
TURNS = 10
ANSWERS = 2  # a pooler that gives out the session that rested longest has another one for the second
REMEMBERED_SECONDS = 60.0
MY_BACKEND = "select pg_catalog.pg_backend_pid()"

_found: dict[str, tuple[float, bool]] = {}


def is_shared(connection: "psycopg.Connection[Any]") -> bool:
    """Whether transactions of the connection (in autocommit mode, behind a pooler) may run in different sessions."""
    place = _place(connection)
    known = _known(place)
    if known is None:
        with closing(_another(connection)) as other:
            turns = Turns(other)
            while (shared := turns.take()) is None:
                for _ in range(ANSWERS):
                    turns.see(connection.execute(MY_BACKEND, prepare=False).fetchone())
        known = _note(place, shared)
    return known


async def is_shared_async(connection: "psycopg.AsyncConnection[Any]") -> bool:
    """The same for asyncio; the second connection is a synchronous one, in a thread."""
    place = _place(connection)
    known = _known(place)
    if known is None:
        with closing(await asyncio.to_thread(_another, connection)) as other:
            turns = Turns(other)
            while (shared := await asyncio.to_thread(turns.take)) is None:
                for _ in range(ANSWERS):
                    turns.see(await (await connection.execute(MY_BACKEND, prepare=False)).fetchone())
        known = _note(place, shared)
    return known


class Turns:
    """The turns of a second connection, which gives its session back and takes one again, and what is seen meanwhile.

    What another client of the pool does between two turns can hide that a session is shared, so there are many.
    """

    def __init__(self, other: psycopg.Connection[Any]) -> None:
        """`other` is in autocommit mode and used by nobody else."""
        self._other = other
        self._taken = 0
        self._waits = False
        self._mine: set[int] = set()
        self._others: set[int] = set()

    def take(self) -> bool | None:
        """The second connection's turn. Returns whether sessions are shared, None while that is not known.

        If it still waits for a session although the first connection, which asked later, had one: a pool of whole
        sessions, all of them taken.
        """
        if self._waits and not self._is_answered(within_seconds=0):
            return False
        self._waits = False
        if self._taken < TURNS and not self._shared:
            query = f"begin; {MY_BACKEND}" if self._taken % 2 else "rollback"
            self._taken += 1
            self._other.pgconn.send_query(query.encode())
            self._waits = not self._is_answered(within_seconds=PATIENCE_SECONDS)
            if not self._shared:
                return None
        return self._shared

    def see(self, mine: tuple[int] | None) -> None:
        """Note the process of the first connection's session, whose turn was in between."""
        self._mine |= set(mine or ())

    @property
    def _shared(self) -> bool:
        return bool(self._mine & self._others) or len(self._mine) > 1 or len(self._others) > 1

    def _is_answered(self, *, within_seconds: float) -> bool:
        """Whether all answers to what was sent have come. psycopg itself would wait for ever."""
        other = self._other.pgconn
        deadline = time.monotonic() + within_seconds
        with selectors.DefaultSelector() as selector:
            selector.register(other.socket, selectors.EVENT_READ)
            while other.is_busy():
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    return False
                other.consume_input()
        while (result := other.get_result()) is not None:
            if result.status == pq.ExecStatus.TUPLES_OK and (text := result.get_value(0, 0)) is not None:
                self._others.add(int(text))
        return True


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
