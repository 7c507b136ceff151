"""Sessions of the database: what pgdex's connections set for themselves, whatever role, database, server say.

Each setting that the code depends on is set by one round trip after connecting, because poolers refuse the startup
parameter that could carry them. How a query is planned (enable_*, jit, work_mem), where tables lie and how durable
commits are stays with whoever runs the server.

A pooler that gives a connection another session for each transaction (PgBouncer's pool_mode = transaction) keeps no
settings, and would hand ours to other applications. There they are set in each transaction, and a statement that
stands alone is given one.
"""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import psycopg
from psycopg import pq
from psycopg.rows import AsyncRowFactory, RowFactory, tuple_row

from pgdex.jobs.database.poolers import is_shared, is_shared_async

Row_co = TypeVar("Row_co", covariant=True)

# Nothing is looked up in a schema that others may write to, not even a table of theirs in pg_temp before pgdex.
SEARCH_PATH = "pg_catalog, pgdex, pg_temp"
SETTINGS = {
    "search_path": SEARCH_PATH,
    "client_encoding": "UTF8",
    # What values look like on the way here and back.
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "array_nulls": "on",
    "quote_all_identifiers": "off",
    "standard_conforming_strings": "on",
    # What statements mean.
    "transform_null_equals": "off",
    "row_security": "on",
    "gin_fuzzy_search_limit": "0",
    "plpgsql.extra_errors": "none",
    "default_table_access_method": "heap",
}
# What a transaction says as it begins, and what makes sense for a whole session only.
SESSION_SETTINGS = {
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "default_transaction_deferrable": "off",
    "idle_session_timeout": "0",
}
# Where no transaction can be begun as one that writes, even if it only reads.
IS_REPLICA = "select pg_catalog.pg_is_in_recovery()"
TRANSACTION_TIMEOUT_SINCE = 170_000
# These can't stand in a transaction, and so have none made for them. They name schemas themselves.
ALONE = re.compile(rb"^\s*(vacuum|(create|drop|reindex|alter)\b.*\bconcurrently\b)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long the server lets a session wait; "0" is for ever."""

    statement: str = "0"
    lock: str = "0"
    idle_in_transaction: str = "60s"


# Building an index takes longer than many a database allows by default. But a process that stops for good in the
# middle of a transaction does not hold its rows forever.
WORKER = Limits()
# Someone waits for the answer: after so long "the database is busy" is a better one.
FRONT_END = Limits(statement="30s", lock="10s")
# What waits for a table makes everyone who comes after it wait too.
UPGRADE = Limits(lock="2s", idle_in_transaction="10min")


class SessionCursor(psycopg.Cursor[Row_co]):
    """A cursor whose statements run under pgdex's settings, in a transaction of their own where they have none."""

    _conn: "Session[Any]"

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        """As in the base class."""
        with self._conn.bounds(query):
            return super().execute(query, params, **options)

    def executemany(self, query: Any, params_seq: Any, **options: Any) -> None:
        """As in the base class."""
        with self._conn.bounds(query):
            super().executemany(query, params_seq, **options)

    @contextmanager
    def copy(self, statement: Any, params: Any = None, **options: Any) -> Iterator[psycopg.Copy]:
        """As in the base class."""
        with self._conn.bounds(statement), super().copy(statement, params, **options) as copy:
            yield copy


class Session(psycopg.Connection[Row_co]):
    """A connection with pgdex's settings."""

    def __init__(
        self,
        pgconn: pq.abc.PGconn,
        row_factory: RowFactory[Row_co] = tuple_row,  # type: ignore[assignment]  # as in psycopg
    ) -> None:
        super().__init__(pgconn, row_factory)
        self.cursor_factory = SessionCursor
        self.for_each_transaction: bytes | None = None
        """What has to be set in each transaction, where a pooler keeps no settings."""

    def set_up(self, limits: Limits) -> None:
        """Set everything; the connection must be in autocommit mode. Raises psycopg.Error."""
        version = self.info.server_version
        if self.execute(_statement(limits, version, of_backend=self.info.backend_pid)).fetchone() is not None:
            return
        if is_shared(self):  # a pooler lies between
            is_replica = self.execute(IS_REPLICA).fetchone() == (True,)
            self.for_each_transaction = _statement(limits, version, for_transaction=True)
            self.prepare_threshold = None
            self.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
            self.read_only = None if is_replica else False
        else:
            self.execute(_statement(limits, version))

    @contextmanager
    def transaction(self, *arguments: Any, **options: Any) -> Iterator[psycopg.Transaction]:
        """As in the base class."""
        is_outermost = self.info.transaction_status == pq.TransactionStatus.IDLE
        with super().transaction(*arguments, **options) as transaction:
            if is_outermost and self.for_each_transaction is not None:
                psycopg.Cursor(self).execute(self.for_each_transaction)
            yield transaction

    @contextmanager
    def bounds(self, query: object) -> Iterator[None]:
        """A transaction around one statement, where settings hold for no longer than that."""
        if _is_bare(self, self.for_each_transaction, query):
            with self.transaction():
                yield
        else:
            yield


class AsyncSessionCursor(psycopg.AsyncCursor[Row_co]):
    """The same for asyncio."""

    _conn: "AsyncSession[Any]"

    async def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        """As in the base class."""
        async with self._conn.bounds(query):
            return await super().execute(query, params, **options)


class AsyncSession(psycopg.AsyncConnection[Row_co]):
    """The same for asyncio."""

    def __init__(
        self,
        pgconn: pq.abc.PGconn,
        row_factory: AsyncRowFactory[Row_co] = tuple_row,  # type: ignore[assignment]  # as in psycopg
    ) -> None:
        super().__init__(pgconn, row_factory)
        self.cursor_factory = AsyncSessionCursor
        self.for_each_transaction: bytes | None = None

    async def set_up(self, limits: Limits) -> None:
        """Set everything; the connection must be in autocommit mode. Raises psycopg.Error."""
        version = self.info.server_version
        cursor = await self.execute(_statement(limits, version, of_backend=self.info.backend_pid))
        if await cursor.fetchone() is not None:
            return
        if await is_shared_async(self):
            is_replica = await (await self.execute(IS_REPLICA)).fetchone() == (True,)
            self.for_each_transaction = _statement(limits, version, for_transaction=True)
            self.prepare_threshold = None
            await self.set_isolation_level(psycopg.IsolationLevel.READ_COMMITTED)
            await self.set_read_only(None if is_replica else False)
        else:
            await self.execute(_statement(limits, version))

    @asynccontextmanager
    async def transaction(self, *arguments: Any, **options: Any) -> AsyncIterator[psycopg.AsyncTransaction]:
        """As in the base class."""
        is_outermost = self.info.transaction_status == pq.TransactionStatus.IDLE
        async with super().transaction(*arguments, **options) as transaction:
            if is_outermost and self.for_each_transaction is not None:
                await psycopg.AsyncCursor(self).execute(self.for_each_transaction)
            yield transaction

    @asynccontextmanager
    async def bounds(self, query: object) -> AsyncIterator[None]:
        """A transaction around one statement, where settings hold for no longer than that."""
        if _is_bare(self, self.for_each_transaction, query):
            async with self.transaction():
                yield
        else:
            yield


def holds_session(connection: "psycopg.Connection[Any] | psycopg.AsyncConnection[Any]") -> bool:
    """Whether what a session keeps (LISTEN, advisory locks, temporary tables) stays with this connection."""
    return getattr(connection, "for_each_transaction", None) is None


def takes_writes(connection: "psycopg.Connection[Any]") -> bool:
    """Whether something can be changed: not on a replica, whatever our settings say."""
    row = connection.execute("select current_setting('transaction_read_only') = 'off'").fetchone()
    return row is not None and bool(row[0])


def keep_settings(connection: "psycopg.Connection[Any]") -> None:
    """At the beginning of a transaction that a connection without autocommit began itself."""
    settings = getattr(connection, "for_each_transaction", None)
    if settings is not None:
        connection.execute(settings)


@contextmanager
def one_session(connection: "psycopg.Connection[Any]") -> Iterator[None]:
    """Around statements that share what a session keeps: a transaction, where nothing else holds them together."""
    if holds_session(connection):
        yield
    else:
        with connection.transaction():
            yield


def _is_bare(
    connection: "psycopg.Connection[Any] | psycopg.AsyncConnection[Any]", settings: bytes | None, query: object
) -> bool:
    if settings is None or not connection.autocommit:
        return False
    if connection.info.transaction_status != pq.TransactionStatus.IDLE:
        return False
    text = query.encode() if isinstance(query, str) else query
    return not (isinstance(text, bytes) and ALONE.match(text))


@cache
def _statement(
    limits: Limits, server_version: int, *, of_backend: int | None = None, for_transaction: bool = False
) -> bytes:
    """One SELECT that sets everything; with `of_backend` only where that process answers, and else no row."""
    values = SETTINGS | {
        "statement_timeout": limits.statement,
        "lock_timeout": limits.lock,
        "idle_in_transaction_session_timeout": limits.idle_in_transaction,
    }
    if not for_transaction:
        values |= SESSION_SETTINGS
    if server_version >= TRANSACTION_TIMEOUT_SINCE:
        values["transaction_timeout"] = "0"
    local = "true" if for_transaction else "false"
    calls = ", ".join(f"pg_catalog.set_config('{name}', '{value}', {local})" for name, value in values.items())
    where = "" if of_backend is None else f" where pg_catalog.pg_backend_pid() operator(pg_catalog.=) {of_backend}"
    return f"select {calls}{where}".encode()
