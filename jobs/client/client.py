"""What a front end may do with jobs: start, status, list, cancel, events. It only calls the functions in `sql/`."""

import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID, uuid4

import psycopg

from pgdex.jobs.client.broad_folders import is_named, require_narrow
from pgdex.jobs.client.job_ids import parse_job_id
from pgdex.jobs.client.job_reader import JobReader, no_such_job
from pgdex.jobs.client.models import CancelledJob, IndexedView, RetriedJob, StartedJob
from pgdex.jobs.client.targets import Target, target_of
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


class Client(JobReader):
    """One connection to pgdex's database, whose schema was found current when it was opened."""

    def __init__(self, settings: Settings, connection: Connection) -> None:
        super().__init__(connection)
        self.settings = settings

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
                raise no_such_job(wanted, project) from None
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
