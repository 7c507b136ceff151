"""What the tools answer: the fields are the keys of the structured content, described in the output schemas."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from pgdex.jobs.client.models import JobPage, JobStatus, Status
from pgdex.jobs.client.projects import Project
from pgdex.jobs.mcp.quoted import ABOUT

TOP_REASONS = 5


class Answer(BaseModel):
    """An immutable answer; its fields are the keys."""

    model_config = ConfigDict(frozen=True)


class StartedIndexing(Answer):
    """A new job, or the live one that the repository already had."""

    job_id: UUID = Field(description="The job's id, for get_indexing_status, watch_indexing and cancelling.")
    status: Status
    already_running: bool = Field(description="True if this job was already live.")
    message: str = Field(description="What happens now and when to check again.")
    estimated_duration_seconds: int = Field(
        description="Roughly how long it will take; what is left, if it is running."
    )
    repo_path: str = Field(description="The folder, without symbolic links and '..'.")
    project_id: str = Field(description="The project that the repository is in; pass it on if you passed one.")
    project_source: str = Field(
        description="What chose the project: argument, PGDEX_PROJECT, the path of a .pgdex.toml, or default."
    )
    notes: list[str] = Field(description="What to tell the user: a .pgdex.toml that was ignored; usually empty.")
    database_name: str = Field(description="The database whose schema `pgdex` holds the project.")


class SkipReason(Answer):
    """Why files are not searchable."""

    reason: str
    files: int


class JobSummary(Answer):
    """One job of a list."""

    job_id: UUID
    status: Status
    project_id: str
    repository: str
    repo_path: str
    progress_percentage: float
    progress_message: str
    files_scanned: int
    files_indexed: int
    files_skipped: int
    chunks_created: int
    estimated_time_remaining_seconds: int | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None = Field(description="When it ended, completed or failed.")
    cancelled_at: datetime | None
    error_type: str | None
    error_message: str | None


class IndexingStatus(JobSummary):
    """Everything about one job."""

    phase: str | None = Field(
        description="What the workers are doing: scanning, chunking, embedding, writing, finishing."
    )
    files_to_index: int = Field(description="New and changed files; unchanged ones cost nothing.")
    files_unchanged: int
    files_deleted: int
    skipped_reasons: list[SkipReason] = Field(description="The most frequent reasons for skipping files.")
    elapsed_seconds: float
    blocked_reason: str | None = Field(description="What a blocked job waits for; it resumes automatically.")
    is_final: bool = Field(description="Whether the job has ended: completed, failed or cancelled.")
    ask_again_in_seconds: int | None = Field(
        description="How long to wait before asking again; null once the job is final."
    )
    summary: dict[str, Any] | None = Field(description="Once completed: files, chunks, duration, seconds by phase.")

    @classmethod
    def of(cls, job: JobStatus, *, reasons: dict[str, int]) -> "IndexingStatus":
        """The answer about `job`, whose files were skipped for `reasons`."""
        return cls(
            **_shared(job),
            phase=job.phase,
            files_to_index=job.files_to_index,
            files_unchanged=job.files_unchanged,
            files_deleted=job.files_deleted,
            skipped_reasons=[SkipReason(reason=reason, files=files) for reason, files in reasons.items()][:TOP_REASONS],
            elapsed_seconds=job.elapsed_seconds,
            blocked_reason=job.blocked_reason if job.status == "blocked" else None,
            is_final=job.is_final,
            ask_again_in_seconds=None if job.is_final else _pause(job.estimated_time_remaining_seconds),
            summary=job.summary,
        )


class WatchedIndexing(IndexingStatus):
    """The job's status when it ended, or when the time was over."""

    timed_out: bool = Field(description="True if the job is still live: call watch_indexing again.")


class JobList(Answer):
    """A page of jobs, newest first."""

    jobs: list[JobSummary]
    total_count: int = Field(description="How many jobs match, on all pages; counted up to 10,000.")
    total_count_is_exact: bool = Field(description="False if there are at least total_count jobs, perhaps more.")
    has_more: bool = Field(description="Whether there is a next page: call again with offset=next_offset.")
    next_offset: int | None
    project_id: str
    project_source: str
    notes: list[str] = Field(description="What to tell the user: a .pgdex.toml that was ignored; usually empty.")

    @classmethod
    def of(cls, page: JobPage, *, offset: int, project: Project) -> "JobList":
        """A page that begins at `offset`."""
        return cls(
            jobs=[JobSummary(**_shared(job)) for job in page.jobs],
            total_count=page.total_count,
            total_count_is_exact=page.total_count_is_exact,
            has_more=page.has_more,
            next_offset=offset + len(page.jobs) if page.has_more else None,
            project_id=project.id,
            project_source=project.origin,
            notes=[*project.notes],
        )


class Cancellation(Answer):
    """What became of a request to cancel."""

    job_id: UUID
    cancelled: bool = Field(description="Whether the job is cancelled now.")
    confirmation_required: bool = Field(description="True if nothing was done yet; confirmed=true would do it.")
    status: Status
    message: str
    kept: str = Field(description="What remains of the job's work.")
    lost: str = Field(description="What is lost.")


class Piece(Answer):
    """A further chunk of a hit's file, with its code."""

    lines: str
    symbol: str | None
    code: str


class Hit(Answer):
    """A file that answers the query, with the chunk of it that answers best."""

    path: str = Field(description="The file, relative to repo_path.")
    repo_path: str
    start_line: int
    end_line: int
    symbol: str | None = Field(description="The function, class or section that it is.")
    kind: str
    language: str
    score: float = Field(description="Orders the hits of one search and means nothing else.")
    code: str
    more: list[str] = Field(description="Further chunks of the file that match: their lines and symbols.")
    pieces: list[Piece] = Field(description="The code of some of these, for the first hits of a question.")
    also_in: list[str] = Field(
        description="Other files with nearly the same chunk, or built from this one; not hits themselves."
    )
    is_outdated: bool = Field(description="The file has changed or been deleted since: read it again.")


class SearchAnswer(Answer):
    """Hits, best first."""

    about: str = Field(ABOUT, description="What the hits are.")
    hits: list[Hit]
    notes: list[str] = Field(description="How complete and how current the answer is; often empty.")
    searched: list[str] = Field(description="The folders that were searched, at most 20 of them.")
    project_id: str
    project_source: str


def _shared(job: JobStatus) -> dict[str, Any]:
    return {name: getattr(job, name) for name in JobSummary.model_fields}


def _pause(seconds_left: int | None) -> int:
    return 5 if seconds_left is None else max(2, min(30, seconds_left // 2))
