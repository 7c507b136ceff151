"""What a front end may do with jobs: start, status, list, cancel, events. It only calls the functions in `sql/`."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, LiteralString
from uuid import UUID, uuid4

import psycopg
from psycopg.rows import class_row

from pgdex.jobs.client.broad_folders import is_named, require_narrow
from pgdex.jobs.client.job_ids import id_range, parse_job_id
from pgdex.jobs.client.models import (
    CancelledJob,
    IndexedView,
    JobEvent,
    JobPage,
    JobStatus,
    RetriedJob,
    StartedJob,
    Status,
)
from pgdex.jobs.client.targets import Target, target_of
from pgdex.jobs.client.views import named_views
from pgdex.jobs.database.connection import Connection, connect
from pgdex.jobs.database.disk_space import require_disk_space
from pgdex.jobs.database.roles import CLIENT, READER, not_allowed
from pgdex.jobs.database.schema import ensure_current
from pgdex.jobs.database.sessions import holds_session
from pgdex.jobs.embedders import model_of
from pgdex.jobs.errors import InvalidRequest, JobIsFinal, JobIsLive, JobNotFound, ModelChanged
from pgdex.jobs.settings import Settings

JOB_NOT_FOUND = "PX001"
ILLEGAL_CHANGE = "PX002"
MODEL_CHANGED = "PX004"
INVALID_ARGUMENT = "PX005"
EVENTS_CHANNEL = "pgdex_events"
POLL_SECONDS = 0.5
ESTIMATE_SECONDS = 0.3
# job_status doesn't show their jobs either.
REMOVED = "select id from pgdex.views where removed_at is not null"
MOST_BEGINNING = 100
MOST_COUNTED = 10_000  # counting a million takes 0.1 s


class Client:
    """One connection to pgdex's database, whose schema was found current when it was opened."""

    def __init__(self, settings: Settings, connection: Connection) -> None:
        self.settings = settings
        self.connection = connection

    @classmethod
    def open(cls, settings: Settings) -> "Client":
        """Connect. Raises DatabaseUnavailable, SchemaBehind, NotAllowed."""
        return cls.over(connect(settings), settings)

    @classmethod
    def over(cls, connection: Connection, settings: Settings) -> "Client":
        """As `open`, over a connection that is there. Raises SchemaBehind, NotAllowed."""
        try:
            ensure_current(connection, settings)
        except psycopg.errors.InsufficientPrivilege as error:
            raise not_allowed(connection, READER) from error
        return cls(settings, connection)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def start(
        self,
        repo_path: "str | Path | Target",
        *,
        project: str | None = None,
        name: str | None = None,
        force: bool = False,
        allow_broad: bool = False,
        no_ignore: bool | None = None,
        submodules: bool | None = None,
        meanwhile: Callable[[], object] = lambda: None,
    ) -> StartedJob:
        """Ask for `repo_path` (a path or address as `target_of` takes it, or what that made of it) to be indexed;
        returns at once with the job that does it.

        `allow_broad` lets folders through that nobody means as a repository. `no_ignore` says whether git's ignore
        rules count, and `submodules` whether those of a git source are followed, from now on; None: as before.
        One embedding is tried first, so that a wrong key or address is an error here and not in the middle. `meanwhile`
        is called when it has come, before the looks at the folder that take time. Raises InvalidRequest, TooBroad,
        NotEnoughDiskSpace, ModelChanged, EmbedderError.
        """
        target = repo_path if isinstance(repo_path, Target) else target_of(repo_path, settings=self.settings)
        folder = target.folder
        if folder is not None:
            allow_broad = allow_broad or is_named(folder, self.settings.roots)
            if not allow_broad:
                require_narrow(folder, home=self.settings.home)
        model, dimension = model_of(self.settings.embedder, self.settings)
        meanwhile()
        if folder is not None:
            self._require_disk_space(
                folder,
                project or self.settings.project,
                dimension=dimension,
                force=force,
                no_ignore=no_ignore,
            )
        wished = uuid4()
        try:
            row = self.connection.execute(
                "select pgdex.enqueue_job(%s, project => %s, name => %s, force => %s, embedder => %s, job_id => %s,"
                " allow_broad => %s, no_ignore => %s, ref => %s, submodules => %s)",
                [
                    target.root,
                    project or self.settings.project,
                    name,
                    force,
                    model,
                    wished,
                    allow_broad,
                    no_ignore,
                    target.ref,
                    submodules,
                ],
            ).fetchone()
        except psycopg.Error as error:
            raise _translated(error, self.connection) from error
        assert row is not None
        status = self.status(row[0])
        already_running = row[0] != wished
        return StartedJob(
            job_id=status.job_id,
            status=status.status,
            already_running=already_running,
            project_id=status.project_id,
            repo_path=status.repo_path,
            message=(
                f"Already being indexed: {status.progress_message}"
                if already_running
                else f"Queued: {status.progress_message}"
            ),
        )

    def _require_disk_space(
        self, root: Path, project: str, *, dimension: int, force: bool, no_ignore: bool | None
    ) -> None:
        """Look before a job is made; the scan looks again, with exact figures."""
        known = self.connection.execute(
            "select last_indexed_at is not null, live_job_id is not null, no_ignore"
            " from pgdex.views_status where project_id = %s and root = %s and ref = ''",
            [project, str(root)],
        ).fetchone()
        is_indexed, is_live, was_no_ignore = known or (False, False, False)
        if is_live:
            return  # the answer is that job's id
        size = 0  # what changed is known after the scan
        if force or not is_indexed:
            from pgdex.jobs.client.estimates import tree_size  # with all that reads source files

            limit = self.settings.max_file_bytes
            heeds_git = not (was_no_ignore if no_ignore is None else no_ignore)
            size = tree_size(root, max_file_bytes=limit, within_seconds=ESTIMATE_SECONDS, heeds_git=heeds_git).bytes
        require_disk_space(self.settings, source_bytes=size, dimension=dimension)

    def status(self, job_id: UUID | str, *, project: str | None = None) -> JobStatus:
        """Everything about one job. Raises InvalidRequest for a malformed id, JobNotFound."""
        with self.connection.cursor(row_factory=class_row(JobStatus)) as cursor:
            cursor.execute(
                "select * from pgdex.job_status where job_id = %s and (%s::text is null or project_id = %s)",
                [parse_job_id(job_id), project, project],
            )
            status = cursor.fetchone()
        if status is None:
            raise _no_such_job(job_id, project)
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
        raise _no_such_job(text, None)

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

    def cancel(self, job_id: UUID | str, *, project: str | None = None) -> CancelledJob:
        """Cancel a pending, running or blocked job, with `project` only one of that. One round trip.

        Raises InvalidRequest for a malformed id, JobNotFound, JobIsFinal, NotAllowed.
        """
        wanted = parse_job_id(job_id)
        try:
            row = self.connection.execute(
                "select previous_status, message from pgdex.cancel_job_with_message(%s, %s)", [wanted, project]
            ).fetchone()
        except psycopg.Error as error:
            if error.sqlstate == JOB_NOT_FOUND:
                raise _no_such_job(wanted, project) from None
            raise _translated(error, self.connection) from error
        assert row is not None
        return CancelledJob(job_id=wanted, previous_status=row[0], message=row[1])

    def retry(self, job_id: UUID | str, *, project: str | None = None) -> RetriedJob:
        """Ask again for what a failed or cancelled job was to do, with `project` only one of that; returns at once.

        Raises InvalidRequest for a malformed id, JobNotFound, JobIsFinal (completed), JobIsLive, ModelChanged,
        NotAllowed.
        """
        old = self.status(job_id, project=project)
        if not old.is_final:
            raise JobIsLive(f"job {old.job_id} is {old.status}: nothing to retry")
        wished = uuid4()
        try:
            row = self.connection.execute("select pgdex.retry_job(%s, %s)", [old.job_id, wished]).fetchone()
        except psycopg.Error as error:
            raise _translated(error, self.connection) from error
        assert row is not None
        new = self.status(row[0])
        return RetriedJob(
            job_id=new.job_id,
            retried_job_id=old.job_id,
            status=new.status,
            already_running=row[0] != wished,
            project_id=new.project_id,
            repo_path=new.repo_path,
        )

    def rename(self, view: IndexedView, name: str, *, only_view: bool = False) -> str:
        """Give the repository of a view another name, or with `only_view` the view; returns the name before.

        Raises InvalidRequest (no usable name, or it was removed just now), NotAllowed.
        """
        try:
            row = self.connection.execute(
                "select pgdex.rename_view(%s, %s)" if only_view else "select pgdex.rename_repository(%s, %s)",
                [view.id if only_view else view.repository_id, name],
            ).fetchone()
        except psycopg.Error as error:
            raise _translated(error, self.connection) from error
        assert row is not None
        return str(row[0])

    def events(self, job_id: UUID | str, *, after: int = 0) -> list[JobEvent]:
        """A job's history, oldest first, from the event after `after`."""
        with self.connection.cursor(row_factory=class_row(JobEvent)) as cursor:
            cursor.execute(
                "select id as event_id, job_id, event_type, event_data, created_at from pgdex.job_events"
                " where job_id = %s and id > %s order by id",
                [parse_job_id(job_id), after],
            )
            return cursor.fetchall()

    def listen(self) -> None:
        """From now on, notifications of jobs are kept for `wait_for_notification`; to be called before the first look
        at a job."""
        if holds_session(self.connection):
            self.connection.execute(f"listen {EVENTS_CHANNEL}")

    def wait_for_notification(self, *, timeout_seconds: float) -> bool:
        """Wait until any job has a notification, or for `timeout_seconds`; true where there was one."""
        if not holds_session(self.connection):  # a pooler's: nobody can listen, so it is time to look
            time.sleep(min(timeout_seconds, POLL_SECONDS))
            return True
        self.listen()
        return any(True for _ in self.connection.notifies(timeout=timeout_seconds, stop_after=1))


def _no_such_job(job_id: UUID | str, project: str | None) -> JobNotFound:
    where = f" in project {project}" if project else ""
    return JobNotFound(f"there is no job {job_id}{where}. `pgdex list` shows the jobs")


def _translated(error: psycopg.Error, connection: Connection) -> Exception:
    """The error of a function in `sql/` as the class that front ends know."""
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return not_allowed(connection, CLIENT)
    kinds = {
        JOB_NOT_FOUND: JobNotFound,
        ILLEGAL_CHANGE: JobIsFinal,
        MODEL_CHANGED: ModelChanged,
        INVALID_ARGUMENT: InvalidRequest,
    }
    kind = kinds.get(error.sqlstate or "")
    if kind is None:
        return error
    # How to go on with another model is said by each front end, in its own words; the database's hint is for psql.
    hint = error.diag.message_hint if kind is not ModelChanged else None
    return kind(". ".join(filter(None, (error.diag.message_primary, hint))))
