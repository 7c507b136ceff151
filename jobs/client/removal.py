"""Removing views and repositories: gone for everyone at once, and their rows in small portions."""

import asyncio
import logging
import time
from collections.abc import Iterator

import psycopg

from pgdex.jobs.client.models import IndexedView
from pgdex.jobs.database.connection import Connection, connect_async
from pgdex.jobs.database.roles import CLIENT, not_allowed
from pgdex.jobs.errors import DatabaseUnavailable, InvalidRequest, JobIsLive
from pgdex.jobs.logging import fields
from pgdex.jobs.settings import Settings

PERIOD_SECONDS = 60.0
PAUSE_SECONDS = 0.05  # between two portions, so that a large repository does not keep others from the disk
ILLEGAL_CHANGE = "PX002"
INVALID_ARGUMENT = "PX005"

REMOVE = "select pgdex.remove_view(%s, %s)"
PORTION = "select pgdex.remove_portion()"
PORTION_OF = "select pgdex.remove_portion(%s)"
IS_THERE = "select exists (select from pgdex.views where id = %s)"

logger = logging.getLogger("pgdex.worker")


def remove_view(connection: Connection, view: IndexedView, *, cancel: bool = False) -> None:
    """Take a view out of the index: from now on no search and no list shows it. With the last view of a repository the
    repository goes.

    Its rows are still there, for `remove_rows` or for a worker. Raises JobIsLive where it is being indexed and `cancel`
    is not set, InvalidRequest where someone else has just removed it, NotAllowed.
    """
    try:
        connection.execute(REMOVE, [view.id, cancel])
    except psycopg.errors.InsufficientPrivilege as error:
        raise not_allowed(connection, CLIENT) from error
    except psycopg.Error as error:
        message = error.diag.message_primary or str(error)
        if error.sqlstate == ILLEGAL_CHANGE:
            raise JobIsLive(f"{message} (pgdex cancel), or remove it with --cancel") from error
        if error.sqlstate == INVALID_ARGUMENT:
            raise InvalidRequest(f"{view.root} has just been removed by someone else") from error
        raise


def remove_rows(connection: Connection, view: IndexedView) -> Iterator[None]:
    """Delete what removed views of a view's repository have left; yields after each portion. See `is_there` for whether
    all is gone."""
    while True:
        row = connection.execute(PORTION_OF, [view.repository_id]).fetchone()
        if not row or not row[0]:
            return
        yield
        time.sleep(PAUSE_SECONDS / 10)


def is_there(connection: Connection, view: IndexedView) -> bool:
    """Whether rows of the view are still in the database."""
    row = connection.execute(IS_THERE, [view.id]).fetchone()
    return bool(row and row[0])


async def keep_removing(settings: Settings) -> None:
    """Delete what removed repositories have left, every minute. Runs until it is cancelled."""
    while True:
        try:
            portions = await remove_what_is_left(settings)
        except (psycopg.Error, DatabaseUnavailable) as error:
            about = fields(action="removal_failed")
            logger.warning("removed repositories were not deleted, trying again: %s", error, extra=about)
        else:
            if portions:
                logger.info("deleted removed repositories", extra=fields(action="removed", portions=portions))
        await asyncio.sleep(PERIOD_SECONDS)


async def remove_what_is_left(settings: Settings) -> int:
    """Delete portions until nothing more can be deleted now; returns how many. Raises psycopg.Error."""
    portions = 0
    async with await connect_async(settings, application="pgdex removal") as connection:
        while (row := await (await connection.execute(PORTION)).fetchone()) and row[0]:
            portions += 1
            await asyncio.sleep(PAUSE_SECONDS)
    return portions
