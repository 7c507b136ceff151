"""Views that are indexed again and again: seeing, setting and ending their schedules."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from pgdex.jobs.client.answer import Answer
from pgdex.jobs.client.cron import checked_expression, next_time
from pgdex.jobs.client.models import IndexedView, Status
from pgdex.jobs.database.roles import CLIENT, not_allowed
from pgdex.jobs.errors import InvalidRequest

if TYPE_CHECKING:
    from pgdex.jobs.client.client import Client

SCHEDULES = """
    select
        s.view_id, v.name as repository, v.view_name, v.location as repo_path, v.project_id,
        s.expression, s.next_at, s.last_at, s.last_job_id,
        j.status as last_job_status, s.failures, s.error, clock_timestamp() as now
    from pgdex.schedules s
    join pgdex.views_status v on v.id = s.view_id
    left join pgdex.indexing_jobs j on j.id = s.last_job_id
    where (%(project)s::text is null or v.project_id = %(project)s)
        and (%(view)s::bigint is null or s.view_id = %(view)s)
    order by v.location, s.view_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule(Answer):
    """The schedule of a view: a cron expression in UTC, when it is due next, and how it went. `failures`: how many jobs
    of the view have failed in a row; `error` is what the last of them said."""

    view_id: int
    repository: str
    view_name: str
    repo_path: str
    project_id: str
    expression: str
    next_at: datetime | None
    last_at: datetime | None
    last_job_id: UUID | None
    last_job_status: Status | None
    failures: int
    error: str | None


def schedules(client: "Client", *, project: str | None, view: int | None = None) -> list[Schedule]:
    """The schedules of a project, or of all, by their locations; with `view` only that one's."""
    with client.connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(SCHEDULES, {"project": project, "view": view}).fetchall()
    for row in rows:
        now = row.pop("now")
        if row["next_at"] is None:  # no worker has seen it yet
            row["next_at"] = _next_or_none(row["expression"], now)
    return [Schedule(**row) for row in rows]


def set_schedule(client: "Client", view: IndexedView, expression: str) -> Schedule:
    """Index the view by `expression` from now on. Raises InvalidRequest, NotAllowed."""
    wanted = checked_expression(expression)
    row = client.connection.execute("select clock_timestamp()").fetchone()
    assert row is not None
    try:
        client.connection.execute(
            "select pgdex.schedule_view(%s, %s, %s)", [view.id, wanted, next_time(wanted, after=row[0])]
        )
    except psycopg.errors.InsufficientPrivilege as error:
        raise not_allowed(client.connection, CLIENT) from error
    except psycopg.Error as error:
        if error.sqlstate != "PX005":
            raise
        raise InvalidRequest(". ".join(filter(None, (error.diag.message_primary, error.diag.message_hint)))) from error
    return schedules(client, project=None, view=view.id)[0]


def remove_schedule(client: "Client", view: IndexedView) -> str:
    """End the schedule of a view; returns its expression. Raises InvalidRequest where it has none, NotAllowed."""
    try:
        row = client.connection.execute("select pgdex.unschedule_view(%s)", [view.id]).fetchone()
    except psycopg.errors.InsufficientPrivilege as error:
        raise not_allowed(client.connection, CLIENT) from error
    if row is None or row[0] is None:
        raise InvalidRequest(f"{view.root} has no schedule. `pgdex schedule` lists the schedules")
    return str(row[0])


def _next_or_none(expression: str, now: datetime) -> datetime | None:
    try:
        return next_time(expression, after=now)
    except InvalidRequest:
        return None
