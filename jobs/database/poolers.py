"""Poolers: is there one between us and PostgreSQL that gives a connection another session for each transaction?

Nothing in the protocol tells. Whether there is a pooler at all shows in the process number that it answers with at
login, which is not that of the session's process. Which kind it is shows when a second connection holds a transaction
open: it gets the session that the first one has just used, or the first one does not get it back.
"""

import asyncio
import selectors
import time
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo

PATIENCE_SECONDS = 3.0
ROUNDS = 6
REMEMBERED_SECONDS = 60.0
MY_BACKEND = "select pg_catalog.pg_backend_pid()"

_found: dict[str, tuple[float, bool]] = {}


def is_shared(connection: "psycopg.Connection[Any]") -> bool:
    """Whether transactions of the connection (in autocommit mode, behind a pooler) may run in different sessions."""
    place = _place(connection)
    known = _known(place)
    if known is None:
        sightings = Sightings()
        other = _another(connection)
        try:
            while sightings.may_tell_more:
                sightings.see(connection.execute(MY_BACKEND, prepare=False).fetchone(), _of_a_transaction(other))
        finally:
            other.close()
        known = _note(place, sightings.shared)
    return known


async def is_shared_async(connection: "psycopg.AsyncConnection[Any]") -> bool:
    """The same for asyncio; the second connection is a synchronous one, in a thread."""
    place = _place(connection)
    known = _known(place)
    if known is None:
        sightings = Sightings()
        other = await asyncio.to_thread(_another, connection)
        try:
            while sightings.may_tell_more:
                mine = await (await connection.execute(MY_BACKEND, prepare=False)).fetchone()
                sightings.see(mine, await asyncio.to_thread(_of_a_transaction, other))
        finally:
            other.close()
        known = _note(place, sightings.shared)
    return known


@dataclass(slots=True)
class Sightings:
    """The processes that two connections were seen in, the second one always in a transaction that it holds open."""

    mine: set[int] = field(default_factory=set)
    others: set[int] = field(default_factory=set)
    rounds: int = 0
    is_full: bool = False

    @property
    def shared(self) -> bool:
        """Whether a session was seen to change hands."""
        return bool(self.mine & self.others) or len(self.mine) > 1 or len(self.others) > 1

    @property
    def may_tell_more(self) -> bool:
        """Whether to look again: in a busy pool both may get their session back by chance, but not each time."""
        return not (self.shared or self.is_full) and self.rounds < ROUNDS

    def see(self, mine: tuple[int] | None, other: int | None) -> None:
        """Note one look. No session for the second one means that all are taken, though nobody uses the first one's
        just now: a pool of whole sessions."""
        self.rounds += 1
        self.mine |= set(mine or ())
        self.is_full = other is None
        if other is not None:
            self.others.add(other)


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


def _of_a_transaction(other: psycopg.Connection[Any]) -> int | None:
    """End the transaction that is open, begin another, and return the process that it runs in; None where none is
    free for a while."""
    try:
        _answer(other, "rollback")
        return _answer(other, f"begin; {MY_BACKEND}")
    except TimeoutError:
        return None


def _answer(other: psycopg.Connection[Any], query: str) -> int | None:
    """The number that `query` selects, if any. Raises TimeoutError where psycopg would wait for ever."""
    other.pgconn.send_query(query.encode())
    deadline = time.monotonic() + PATIENCE_SECONDS
    with selectors.DefaultSelector() as selector:
        selector.register(other.pgconn.socket, selectors.EVENT_READ)
        while other.pgconn.is_busy():
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise TimeoutError
            other.pgconn.consume_input()
    value = None
    while (result := other.pgconn.get_result()) is not None:
        if result.status == pq.ExecStatus.TUPLES_OK and (text := result.get_value(0, 0)) is not None:
            value = int(text)
    return value
