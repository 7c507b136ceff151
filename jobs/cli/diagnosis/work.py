"""Checks of the work: are there workers, and do the live jobs get on?"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from psycopg.rows import dict_row

from pgdex.jobs.cli.diagnosis.checks import Check, failed, ok, warning
from pgdex.jobs.cli.render.text import SHORT_ID, count, duration, printable

if TYPE_CHECKING:
    from pgdex.jobs.database.connection import Connection
    from pgdex.jobs.settings import Settings

QUIET_SECONDS = 300  # progress is reported every 2 s; building a large vector index may take minutes in silence
LIVE_JOBS = """
    select j.job_id, j.status, j.repository, j.blocked_reason, j.is_overdue,
        extract(epoch from clock_timestamp() - j.created_at)::float8 as age,
        extract(epoch from clock_timestamp() - coalesce(
            (select e.created_at from pgdex.job_events e where e.job_id = j.job_id order by e.id desc limit 1),
            j.created_at
        ))::float8 as quiet
    from pgdex.job_status j
    where pgdex.is_live(j.status) order by j.created_at
"""


def workers_check(connection: "Connection", settings: "Settings") -> Check:
    """How many workers live, and whether anything waits for them."""
    row = connection.execute(
        "select count(*) filter (where alive), count(*) filter (where not alive),"
        " (select count(*) from pgdex.indexing_jobs where status in ('pending', 'running'))"
        " from pgdex.worker_status"
    ).fetchone()
    alive, dead, waiting = row if row is not None else (0, 0, 0)
    if alive:
        gone = f", {dead} not answering (their peers take over)" if dead else ""
        return ok("workers", f"{alive} alive{gone}")
    if waiting:
        log = settings.home / "worker.log"
        return failed(
            "workers",
            f"none running, and {count(waiting, 'job waiting', 'jobs waiting')}",
            f"Run: pgdex worker. Those that `pgdex index` starts write to {log}",
        )
    return ok("workers", "none needed now; `pgdex index` starts some")


def jobs_checks(connection: "Connection") -> Iterator[Check]:
    """Live jobs that are blocked, silent or very old; one line that says so where there are none of those."""
    with connection.cursor(row_factory=dict_row) as cursor:
        live = cursor.execute(LIVE_JOBS).fetchall()
    trouble = [check for job in live for check in _trouble(**job)]
    if trouble:
        yield from trouble
    else:
        yield ok("jobs", f"{count(len(live), 'live job')}, none stuck" if live else "none active")


def _trouble(
    *,
    job_id: object,
    status: str,
    repository: str,
    blocked_reason: str | None,
    is_overdue: bool,
    age: float,
    quiet: float,
) -> Iterator[Check]:
    short = str(job_id)[:SHORT_ID]
    name = f"{short} ({printable(repository)})"
    if status == "blocked":
        reason = printable(blocked_reason or "")
        yield warning(
            "jobs", f"{name} waits: {reason}", f"It continues on its own when that answers: pgdex status {short}"
        )
    elif status == "running" and quiet > QUIET_SECONDS:
        advice = f"Check the workers (`pgdex workers`) and their logs, or cancel it: pgdex cancel {short}"
        yield warning("jobs", f"{name} made no progress for {duration(quiet)}", advice)
    if is_overdue:
        advice = f"Is it still wanted? If not: pgdex cancel {short}"
        yield warning("jobs", f"{name} has been {status} for {duration(age)}", advice)
