"""Jobs that a test brings forward by hand while a command watches them."""

from uuid import UUID

from jobs.database import Connection
from tests.sql_worker import Found, SqlWorker, enqueue, tree

LISTENERS = (
    "select pid from pg_stat_activity where application_name = 'pgdex' and datname = current_database()"
    " and pid <> pg_backend_pid() and query = 'listen pgdex_events'"
)


def running_job(connection: Connection, path: str = "/repo", *, files: int = 4) -> tuple[UUID, SqlWorker, list[Found]]:
    """A job whose scan is done and whose batches wait for a worker that is there and does nothing by itself.

    Its heart has beaten for an hour ahead: a command that finds no living worker would start real ones, which would
    do the job, and on a busy machine five seconds can pass before a command has started.
    """
    found = tree(files)
    job_id = enqueue(connection, path)
    worker = SqlWorker(connection)
    worker.work(found)
    connection.execute("update pgdex.procrastinate_workers set last_heartbeat = now() + interval '1 hour'")
    return job_id, worker, found


def listeners(connection: Connection) -> int:
    """How many commands wait for news now."""
    return len(connection.execute(LISTENERS).fetchall())
