"""The answers of every front end, with the keys of `--json`."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pgdex.jobs.client.answer import Answer

Status = Literal["pending", "running", "completed", "failed", "cancelled", "blocked"]
LIVE: tuple[Status, ...] = ("pending", "running", "blocked")
STATUSES: tuple[Status, ...] = (*LIVE, "completed", "failed", "cancelled")


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedJob(Answer):
    """The answer to a request for indexing; `already_running` where the view had a live job."""

    job_id: UUID
    status: Status
    already_running: bool
    project_id: str
    repo_path: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatus(Answer):
    """One row of the view pgdex.job_status."""

    job_id: UUID
    status: Status
    project_id: str
    repository: str
    view_name: str
    repo_path: str
    progress_percentage: float
    progress_message: str
    phase: str | None
    files_scanned: int
    files_to_index: int
    files_indexed: int
    files_skipped: int
    files_unchanged: int
    files_deleted: int
    files_kept: int = 0
    chunks_created: int
    files_per_second: float | None
    bytes_per_second: int | None
    seconds_by_phase: dict[str, float]
    elapsed_seconds: float
    estimated_time_remaining_seconds: int | None
    force_reindex: bool
    paths_asked: int | None
    embedder: str | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    cancelled_at: datetime | None
    blocked_since: datetime | None
    blocked_reason: str | None
    next_probe_at: datetime | None
    error_type: str | None
    error_message: str | None
    error_traceback: str | None
    summary: dict[str, Any] | None
    is_overdue: bool

    @property
    def title(self) -> str:
        """What people call the tree that is indexed: a worktree by its own name and its repository's."""
        return self.repository if self.view_name == self.repository else f"{self.view_name} ({self.repository})"

    @property
    def is_final(self) -> bool:
        """Whether the job has ended."""
        return self.status not in LIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPage(Answer):
    """Jobs, newest first, with the number of all that match; at least that many where that is not exact."""

    jobs: list[JobStatus]
    total_count: int
    total_count_is_exact: bool
    has_more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent(Answer):
    """One entry of a job's history."""

    event_id: int
    job_id: UUID
    event_type: str
    event_data: dict[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedView(Answer):
    """A view that is in the index: a folder or a working tree, of the repository `name`."""

    id: int
    repository_id: int
    name: str
    view_name: str
    root: str
    """Its location: a folder; or an address or folder with a branch, a tag or a commit."""
    ref: str
    is_default: bool
    live_job_id: UUID | None
    last_indexed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewSummary(Answer):
    """A view as lists show it. `missing`: its folder is gone, as far as this machine can tell; `missing_since`: all
    workers that looked for it said so. `bytes`: of the files themselves. last_job_*: null where the history ends.
    `schedule` is a cron expression; `submodule_of` are the ids of the views that have it as a submodule."""

    id: int
    name: str
    root: str
    kind: str
    branch: str | None
    is_default: bool
    files: int
    files_skipped: int
    chunks: int
    bytes: int
    created_at: datetime
    last_indexed_at: datetime | None
    last_job_id: UUID | None
    last_job_status: Status | None
    last_job_at: datetime | None
    live_job_id: UUID | None
    live_job_status: Status | None
    missing_since: datetime | None
    missing: bool
    schedule: str | None = None
    schedule_failures: int = 0
    schedule_error: str | None = None
    submodule_of: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedRepository(Answer):
    """A repository with its views, the default one first, at most as many as were asked for of `views_total`.

    `versions` counts what its views hold, `versions_shared` what more than one holds, `versions_unused` what none holds
    any more and is kept for a while; the source_bytes are theirs. `bytes_on_disk` is of the chunks, with their indexes.
    """

    id: int
    name: str
    project_id: str
    embedding_model: str | None
    chunks: int
    versions: int
    source_bytes: int
    versions_shared: int
    shared_source_bytes: int
    versions_unused: int
    unused_source_bytes: int
    bytes_on_disk: int
    bytes_on_disk_is_estimate: bool
    created_at: datetime
    last_indexed_at: datetime | None
    views_total: int
    views: list[ViewSummary]


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryPage(Answer):
    """Repositories by their names, with the number of all that match."""

    repositories: list[IndexedRepository]
    total_count: int
    has_more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovalEffect(Answer):
    """What removing views takes away of one repository: one row of pgdex.removal_effect."""

    repository_id: int
    name: str
    is_whole: bool
    views: int
    files: int
    jobs: int
    versions: int
    chunks: int
    versions_kept: int
    bytes_freed: int
    is_estimate: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RetriedJob(Answer):
    """The job that does again what `retried_job_id` was to do; `already_running` where its view had a live one."""

    job_id: UUID
    retried_job_id: UUID
    status: Status
    already_running: bool
    project_id: str
    repo_path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedFile(Answer):
    """A file that is known but not searchable, and why."""

    path: str
    skip_reason: str
    skip_detail: str | None
    size: int | None
    repo_path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile(Answer):
    """What the index knows of a file, to tell whether it changed since."""

    repo_path: str
    path: str
    size: int | None
    mtime_ns: int | None
    ctime_ns: int | None
    content_hash: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutdatedVectors(Answer):
    """How many of a view's searchable files have vectors of another model than the present one, which no search
    compares."""

    root: str
    embedding_model: str
    files: int
    outdated: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelledJob(Answer):
    """The answer to a cancellation."""

    job_id: UUID
    previous_status: Status
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStatus(Answer):
    """One worker process as its peers see it."""

    id: int
    hostname: str | None
    pid: int | None
    started_at: datetime | None
    alive: bool
    batches: int
