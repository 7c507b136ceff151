"""Jobs that a test brings forward by hand while a command watches them."""

import time
from contextlib import suppress
from threading import Thread
from uuid import UUID

import psycopg

from pgdex.jobs.database.connection import Connection
from tests.support.sql_worker import ALIVE, Found, SqlWorker, enqueue, tree

LISTENERS = (
    "select pid from pg_stat_activity where application_name = 'pgdex' and datname = current_database()"
    " and pid <> pg_backend_pid() and query = 'listen pgdex_events'"
)


def running_job(connection: Connection, path: str = "/repo", *, files: int = 4) -> tuple[UUID, SqlWorker, list[Found]]:
    """A job whose scan is done and whose batches wait for a worker that is there and does nothing by itself.

    Its heart goes on beating: a command that finds no living worker would start real ones, which would do the job, and
    on a busy machine five seconds can pass before a command has started.
    """
    found = tree(files)
    job_id = enqueue(connection, path)
    worker = SqlWorker(connection)
    worker.work(found)
    Thread(target=_beat, args=[connection.info.dsn, connection.info.password], daemon=True).start()
    return job_id, worker, found


def _beat(dsn: str, password: str) -> None:
    """Until the database goes away."""
    with suppress(psycopg.Error), psycopg.connect(dsn, password=password, autocommit=True) as connection:
        while True:
            connection.execute(
                "update pgdex.workers set beat = beat + 1, beat_at = clock_timestamp() where hostname = %s", [ALIVE]
            )
            time.sleep(0.5)


def listeners(connection: Connection) -> int:
    """How many commands wait for news now."""
    return len(connection.execute(LISTENERS).fetchall())
