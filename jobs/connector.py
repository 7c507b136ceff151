"""procrastinate's connection to the database, which waits for it where the original gives up.

As it comes, procrastinate 3.10 ends a worker when the database is away at the wrong moment, and one whose LISTEN
connection could not be made anew goes on without one, deaf to notifications, for as long as it lives.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, LiteralString, TypeVar

import psycopg
from procrastinate import PsycopgConnector
from procrastinate.connector import Notify
from procrastinate.exceptions import ConnectorException
from psycopg import sql
from psycopg_pool import AsyncConnectionPool

from jobs.database import connect, conninfo
from jobs.logs import fields
from jobs.outages import Backoff, Meaning, meaning_of
from jobs.settings import settings

LISTEN_CHECK_SECONDS = 10.0  # a connection that broke without a word is found out after so long

Result = TypeVar("Result")

logger = logging.getLogger("pgdex.worker")


class Connector(PsycopgConnector):
    """A PsycopgConnector whose queries and LISTEN outlast outages of the database."""

    def __init__(self, **pool_arguments: Any) -> None:
        super().__init__(**pool_arguments)
        self.is_patient: Callable[[], bool] = lambda: True
        """Asked in an outage; a worker that is told to stop does not wait for the database."""

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
        """Hand every notification on, through a connection that is made again whenever it breaks. Never returns."""
        names = list(channels)
        backoff = Backoff()
        while True:
            try:
                where = await asyncio.to_thread(conninfo, settings(), application="pgdex listener")
                async with await psycopg.AsyncConnection.connect(where, autocommit=True) as connection:
                    for name in names:
                        await connection.execute(sql.SQL("listen {}").format(sql.Identifier(name)))
                    backoff.reset()
                    while True:
                        async for notification in connection.notifies(timeout=LISTEN_CHECK_SECONDS):
                            await _hand_on(on_notification, notification)
                        await connection.execute("select 1")
            except Exception as error:  # nobody looks after this task; without it the worker would be deaf
                logger.warning("listening again soon: %s", str(error).strip(), extra=fields(action="listener_broken"))
            await asyncio.sleep(backoff.next())

    async def _until_back(self, call: Callable[[], Awaitable[Result]]) -> Result:
        backoff = Backoff()
        while True:
            try:
                return await call()
            except ConnectorException as error:
                if not is_outage(error) or not self.is_patient():
                    raise
                logger.warning("waiting for the database: %s", str(error).strip(), extra=fields(action="database_away"))
            await asyncio.sleep(backoff.next())


async def _hand_on(on_notification: Notify, notification: psycopg.Notify) -> None:
    """Anybody may send anything on a channel: what procrastinate can't read is not for it."""
    try:
        await on_notification(channel=notification.channel, payload=notification.payload)
    except Exception as error:
        logger.warning("a notification was not understood: %r", error, extra=fields(action="notification_ignored"))


def is_outage(error: ConnectorException) -> bool:
    """Whether trying again helps: the database was away, or only this statement was ended."""
    cause = error.__cause__
    return isinstance(cause, psycopg.Error) and meaning_of(cause) in (Meaning.AWAY, Meaning.PASSING)
