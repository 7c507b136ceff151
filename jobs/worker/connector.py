"""procrastinate's connection to the database, which waits for it where the original gives up.

As it comes, procrastinate 3.10 ends a worker when the database is away at the wrong moment, and one whose LISTEN
connection could not be made again goes on without one, deaf to notifications, for as long as it lives.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, LiteralString, TypeVar

import psycopg
from procrastinate import PsycopgConnector, SyncPsycopgConnector
from procrastinate import sql as procrastinate_sql
from procrastinate.connector import BaseConnector, Notify
from procrastinate.exceptions import ConnectorException
from psycopg import sql
from psycopg_pool import AsyncConnectionPool

from pgdex.jobs.database.connection import AsyncConnection, Connection, connect, connect_async
from pgdex.jobs.database.outages import Backoff, Meaning, meaning_of, refusal_message
from pgdex.jobs.database.sessions import WORKER, AsyncSession, Session, holds_session
from pgdex.jobs.logging import fields
from pgdex.jobs.settings import settings
from pgdex.jobs.worker.wake_ups import ABORT, INSERTED, WakeUps

# procrastinate's channels have the same names in every schema: an abort of job 17 of one application would abort job 17
# of each. Our copies of its trigger functions (sql/functions/procrastinate_*.sql) put this in front.
CHANNEL_PREFIX = "pgdex."
LISTEN_CHECK_SECONDS = 10.0  # a connection that broke without a word is found out after so long
POLL_SECONDS = 0.5  # between two looks, where a pooler keeps nobody listening

Result = TypeVar("Result")

logger = logging.getLogger("pgdex.worker")


class Connector(PsycopgConnector):
    """A PsycopgConnector whose queries and LISTEN outlast outages of the database."""

    def __init__(self, **pool_arguments: Any) -> None:
        super().__init__(pool_factory=_pool, **pool_arguments)
        self.is_patient: Callable[[], bool] = lambda: True
        """Asked in an outage; a worker that is told to stop does not wait for the database."""

    def get_sync_connector(self) -> BaseConnector:
        """As in the base class, with connections like the others."""
        if self._async_pool is None and self._sync_connector is None:
            self._sync_connector = SyncPsycopgConnector(
                connection_class=Session, configure=_set_up_sync, **self._pool_args
            )
        return super().get_sync_connector()

    async def open_async(self, pool: AsyncConnectionPool | None = None) -> None:
        """Open the pool. Raises DatabaseUnavailable at once where it would try for half a minute, and not say why."""
        (await asyncio.to_thread(connect, settings(), application="pgdex queue")).close()
        await super().open_async(pool)

    async def execute_query_async(self, query: LiteralString, **arguments: Any) -> None:
        """As in the base class, once the database answers."""
        await self._until_back(lambda: super(Connector, self).execute_query_async(query, **arguments))

    async def execute_query_one_async(self, query: LiteralString, **arguments: Any) -> dict[str, Any]:
        """As in the base class, once the database answers."""
        return await self._until_back(lambda: super(Connector, self).execute_query_one_async(query, **arguments))

    async def execute_query_all_async(self, query: LiteralString, **arguments: Any) -> list[dict[str, Any]]:
        """As in the base class, once the database answers."""
        return await self._until_back(lambda: super(Connector, self).execute_query_all_async(query, **arguments))

    async def listen_notify(self, on_notification: Notify, channels: Iterable[str]) -> None:
        """Wake the worker when something is there for it, through a connection that is made again whenever it breaks.
        Never returns."""
        names = list(channels)
        wake_ups = WakeUps(on_notification, jobs_to_abort=self._jobs_to_abort)
        handing_on = asyncio.create_task(wake_ups.run(), name="wake-ups")
        backoff = Backoff()
        try:
            while True:
                try:
                    async with await connect_async(settings(), application="pgdex listener") as connection:
                        backoff.reset()
                        await _listen(connection, names, wake_ups)
                    # Only where nobody can listen: the connection would be one of the pooler's clients for nothing.
                    await _poll(names, wake_ups)
                except Exception as error:  # nobody looks after this task; without it the worker would be deaf
                    about = fields(action="listener_broken")
                    logger.warning("listening again soon: %s", str(error).strip(), extra=about)
                await asyncio.sleep(backoff.next())
        finally:
            handing_on.cancel()
            await asyncio.gather(handing_on, return_exceptions=True)

    async def _jobs_to_abort(self) -> list[int]:
        rows = await self.execute_query_all_async(procrastinate_sql.queries["list_jobs_to_abort"], queue_name=None)
        return [row["id"] for row in rows]

    async def _until_back(self, call: Callable[[], Awaitable[Result]]) -> Result:
        backoff = Backoff()
        while True:
            try:
                return await call()
            except ConnectorException as error:
                if not is_outage(error) or not self.is_patient():
                    raise
                cause = error.__cause__ or error  # procrastinate's own message is "Database error."
                reason = refusal_message(cause) or str(cause).strip()
                logger.warning("waiting for the database: %s", reason, extra=fields(action="database_away"))
            await asyncio.sleep(backoff.next())


async def _listen(connection: AsyncConnection, names: list[str], wake_ups: WakeUps) -> None:
    """Take notifications until the connection breaks; returns at once where it is a pooler's that keeps no session."""
    if not holds_session(connection):
        return
    for name in names:
        await connection.execute(sql.SQL("listen {}").format(sql.Identifier(CHANNEL_PREFIX + name)))
    while True:
        async for notification in connection.notifies(timeout=LISTEN_CHECK_SECONDS):
            wake_ups.take(notification.channel.removeprefix(CHANNEL_PREFIX), notification.payload)
        await connection.execute("select 1")


async def _poll(names: list[str], wake_ups: WakeUps) -> None:
    logger.warning(
        "a connection pooler in transaction mode: this worker looks for work every half second, and its peers notice"
        " its end after five seconds instead of one; a pool in session mode or a direct connection is better",
        extra=fields(action="pooler_found"),
    )
    while True:
        for kind in (INSERTED, ABORT):
            wake_ups.take(names[0], json.dumps({"type": kind}))
        await asyncio.sleep(POLL_SECONDS)


def _pool(**arguments: Any) -> AsyncConnectionPool[Any]:
    return AsyncConnectionPool(connection_class=AsyncSession, configure=_set_up, **arguments)


async def _set_up(connection: AsyncConnection) -> None:
    assert isinstance(connection, AsyncSession)
    await connection.set_up(WORKER)


def _set_up_sync(connection: Connection) -> None:
    assert isinstance(connection, Session)
    connection.set_up(WORKER)


def is_outage(error: ConnectorException) -> bool:
    """Whether trying again helps: the database was away, or only this statement was ended."""
    cause = error.__cause__
    return isinstance(cause, psycopg.Error) and meaning_of(cause) in (
        Meaning.UNAVAILABLE,
        Meaning.TRANSIENT,
        Meaning.LIMITED,
    )
