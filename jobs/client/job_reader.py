"""What can be read of jobs: one by its id or the beginning of it, those that match, and a job's history."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg.rows import class_row

from pgdex.jobs.client.job_ids import id_range, parse_job_id
from pgdex.jobs.client.models import JobEvent, JobPage, JobStatus, Status
from pgdex.jobs.client.views import named_views
from pgdex.jobs.database.connection import Connection
from pgdex.jobs.errors import InvalidRequest, JobNotFound

# job_status doesn't show their jobs either.
REMOVED = "select id from pgdex.views where removed_at is not null"
MOST_BEGINNING = 100
MOST_COUNTED = 10_000  # counting a million takes 0.1 s


class JobReader:
    """Reads jobs over one connection, and changes none: pgdex's role for readers is enough."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def status(self, job_id: UUID | str, *, project: str | None = None) -> JobStatus:
        """Everything about one job. Raises InvalidRequest for a malformed id, JobNotFound."""
        with self.connection.cursor(row_factory=class_row(JobStatus)) as cursor:
            cursor.execute(
                "select * from pgdex.job_status where job_id = %s and (%s::text is null or project_id = %s)",
                [parse_job_id(job_id), project, project],
            )
            status = cursor.fetchone()
        if status is None:
            raise no_such_job(job_id, project)
        return status

    def find(self, text: str, *, project: str | None = None, whole_ids_anywhere: bool = False) -> JobStatus:
        """The job that `text` means: by its whole id, its first 4 or more characters, or "last" for the newest one.

        With `project` only its jobs are meant: nobody ends another's job by an abbreviation. With
        `whole_ids_anywhere` a whole id is found in every project, since it can't be taken for another.
        Raises InvalidRequest (malformed, or several jobs begin so), JobNotFound.
        """
        if text == "last":
            found = self._jobs("true", [], project=project, order="created_at desc, id", limit=1)
            if not found:
                where = f" in project {project}" if project else ""
                raise JobNotFound(f"no jobs{where} yet: start one with `pgdex index PATH`")
            return found[0]
        first, last = id_range(text)
        within = ("id between %s and %s", [first, last])
        found = self._jobs(*within, project=project, order="id", limit=5)
        if len(found) > 1:
            raise InvalidRequest(f"several jobs begin with {text}: {', '.join(str(one.job_id) for one in found)}")
        if found:
            return found[0]
        elsewhere = self._jobs(*within, project=None, order="id", limit=5) if project is not None else []
        if elsewhere and whole_ids_anywhere and first == last:
            return elsewhere[0]
        if elsewhere:
            others = sorted({one.project_id for one in elsewhere})
            raise JobNotFound(
                f"there is no job {text} in project {project}, only in {' and '.join(others)}: add --project "
                f"{others[0]} if that is the one you mean"
            )
        raise no_such_job(text, None)

    def beginning(self, text: str, *, project: str | None = None) -> list[JobStatus]:
        """The jobs whose ids begin so (4 or more characters), at most MOST_BEGINNING. Raises InvalidRequest."""
        return self._jobs("id between %s and %s", [*id_range(text)], project=project, order="id", limit=MOST_BEGINNING)

    def _jobs(
        self,
        condition: LiteralString,
        values: Sequence[object],
        *,
        project: str | None,
        order: LiteralString,
        limit: int,
    ) -> list[JobStatus]:
        """Some jobs: their ids are found first, so that a status is made up for these alone."""
        with self.connection.cursor(row_factory=class_row(JobStatus)) as cursor:
            cursor.execute(
                "select s.* from ("
                f"select id from pgdex.indexing_jobs j where view_id <> all(array({REMOVED}))"
                f" and {condition}{' and project_id = %s' if project is not None else ''}"
                f" order by {order} limit {int(limit)}) as found"
                " join pgdex.job_status s on s.job_id = found.id order by s.job_id",
                [*values, *([project] if project is not None else [])],
            )
            return cursor.fetchall()

    def list_jobs(
        self,
        *,
        status: Sequence[Status] = (),
        repo: str | None = None,
        project: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 20,
        offset: int = 0,
    ) -> JobPage:
        """Jobs, newest first. `repo` is a repository's path, a folder above it, or a part of its name.

        Counts up to MOST_COUNTED that match: of a history of a million jobs nobody wants the exact number.
        """
        if not 1 <= limit <= 1000 or offset < 0:
            raise InvalidRequest(f"limit must be 1 to 1000 and offset not negative, got {limit} and {offset}")
        views = None
        if repo is not None:
            views = [one.id for one in named_views(self.connection, repo, project=project)]
        conditions = ["true"]
        values: dict[str, Any] = {"limit": limit, "offset": offset}
        # Mostly there are none, and then an index alone counts: with this condition that takes 50 ms instead of 1.
        removed = [row[0] for row in self.connection.execute(REMOVED).fetchall()] or None
        for condition, name, value in (
            ("j.status = any(%(status)s)", "status", list(status) or None),
            ("j.project_id = %(project)s", "project", project),
            ("j.created_at >= %(since)s", "since", since),
            ("j.created_at < %(until)s", "until", until),
            ("j.view_id = any(%(views)s)", "views", views),
            ("j.view_id <> all(%(removed)s)", "removed", removed),
        ):
            if value is not None:
                conditions.append(condition)
                values[name] = value
        where = f"where {' and '.join(conditions)}"
        with self.connection.cursor(row_factory=class_row(JobStatus)) as cursor:
            cursor.execute(
                "select s.* from (select j.id, j.created_at from pgdex.indexing_jobs j"
                f" {where} order by j.created_at desc, j.id limit %(limit)s + 1 offset %(offset)s) as page"
                " join pgdex.job_status s on s.job_id = page.id order by page.created_at desc, page.id",
                values,
                prepare=False,  # which index is the best one hangs on the values
            )
            found = cursor.fetchall()
        jobs, has_more = found[:limit], len(found) > limit
        if jobs and not has_more:
            return JobPage(jobs=jobs, total_count=offset + len(jobs), total_count_is_exact=True, has_more=False)
        counted = self.connection.execute(
            f"select count(*) from (select from pgdex.indexing_jobs j {where} limit {MOST_COUNTED + 1}) as counted",
            values,
        ).fetchone()
        total = int(counted[0]) if counted else 0
        return JobPage(
            jobs=jobs,
            total_count=max(min(total, MOST_COUNTED), offset + len(found) if found else 0),
            total_count_is_exact=total <= MOST_COUNTED,
            has_more=has_more,
        )

    def events(self, job_id: UUID | str, *, after: int = 0) -> list[JobEvent]:
        """A job's history, oldest first, from the event after `after`."""
        with self.connection.cursor(row_factory=class_row(JobEvent)) as cursor:
            cursor.execute(
                "select id as event_id, job_id, event_type, event_data, created_at from pgdex.job_events"
                " where job_id = %s and id > %s order by id",
                [parse_job_id(job_id), after],
            )
            return cursor.fetchall()


def no_such_job(job_id: UUID | str, project: str | None) -> JobNotFound:
    """The error to raise for a job that is not there, or is another project's."""
    where = f" in project {project}" if project else ""
    return JobNotFound(f"there is no job {job_id}{where}. `pgdex list` shows the jobs")
