"""The whole cluster at a glance: which workers it has, and what there is for them to do."""

from psycopg.rows import class_row

from pgdex.jobs.client.models import WorkerStatus
from pgdex.jobs.database.connection import Connection


def known_workers(connection: Connection) -> list[WorkerStatus]:
    """The worker processes that the database knows, living ones first."""
    with connection.cursor(row_factory=class_row(WorkerStatus)) as cursor:
        cursor.execute(
            "select id, hostname, pid, started_at, alive, batches from pgdex.worker_status order by alive desc, id"
        )
        return cursor.fetchall()


def living_workers(connection: Connection) -> list[WorkerStatus]:
    """The worker processes that are alive."""
    return [worker for worker in known_workers(connection) if worker.alive]


def live_jobs(connection: Connection) -> int:
    """How many jobs are pending, running or blocked."""
    row = connection.execute("select count(*) from pgdex.indexing_jobs where pgdex.is_live(status)").fetchone()
    return int(row[0]) if row else 0


def oldest_live_job_seconds(connection: Connection) -> float | None:
    """The age of the oldest job that is pending, running or blocked; None where there is none."""
    row = connection.execute(
        "select extract(epoch from clock_timestamp() - min(created_at))::float8"
        " from pgdex.indexing_jobs where pgdex.is_live(status)"
    ).fetchone()
    return row[0] if row else None


def vector_indexes_due(connection: Connection, *, exact_search_chunks: int) -> int:
    """How many repositories still get a vector index, now that their jobs are through; those whose last build failed
    are tried again, but nobody waits for them."""
    row = connection.execute(
        "select count(*) from pgdex.vector_indexes_due(%s) as due"
        " where not exists (select from pgdex.vector_index_builds b where b.repository_id = due)",
        [exact_search_chunks],
    ).fetchone()
    return int(row[0]) if row else 0
