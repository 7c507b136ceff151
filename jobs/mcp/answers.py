"""What the tools answer about jobs: the fields are the keys of the structured content, described in the output schemas.

A field whose value is its default (nothing, an empty list, false) is left out of the structured content: each key costs
every agent tokens on every call.
"""

from abc import abstractmethod
from collections.abc import Container, Iterable
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from pgdex.jobs.client.models import JobPage, JobStatus, Status
from pgdex.jobs.client.printable import printable
from pgdex.jobs.client.projects import Project
from pgdex.jobs.client.wording import about, counted

TOP_REASONS = 5
SHORT_ID = 8
"""Characters of an id in a list's text: tools take its first ones, and a whole one is 20 tokens."""
DAY_AND_MINUTE = "%Y-%m-%d %H:%M"


class Part(BaseModel):
    """An immutable part of an answer; its fields are the keys."""

    model_config = ConfigDict(frozen=True)


class Answer(Part):
    """All that a tool answers."""

    @abstractmethod
    def text(self) -> str:
        """The same for a reader: plain text, in lines."""

    def document(self) -> dict[str, Any]:
        """The structured content, as JSON has it: without what is at its default."""
        return self.model_dump(mode="json", exclude_defaults=True)


class ProjectAnswer(Answer):
    """An answer about a project, which says what chose it."""

    project_id: str = Field(description="The project that was meant; pass it on if you passed one.")
    project_source: str = Field(
        description="What chose the project: argument, PGDEX_PROJECT, the path of a .pgdex.toml, or default."
    )
    notes: list[str] = Field(default=[], description="What to tell the user.")

    def remarks(self) -> list[str]:
        """The notes as lines, and the project where the caller can't know it."""
        chosen = self.project_source not in ("argument", "default")
        return [
            *(f"Note: {printable(note)}" for note in self.notes),
            *([f"Project {self.project_id} (chosen by {self.project_source})"] if chosen else []),
        ]


class StartedIndexing(ProjectAnswer):
    """A new job, or the live one that the repository already had."""

    job_id: UUID = Field(description="The job's id, for get_indexing_status, watch_indexing and cancelling.")
    status: Status
    already_running: bool = Field(description="True if this job was already live.")
    message: str = Field(description="What happens now and when to check again.")
    estimated_duration_seconds: int = Field(
        description="Roughly how long it will take; what is left, if it is running."
    )
    repo_path: str = Field(description="The folder, without symbolic links and '..'.")

    def text(self) -> str:
        """The id, what happens, the notes."""
        job = f"Job {self.job_id} ({self.status}): {printable(self.repo_path)}"
        return _lines([job, self.message, *self.remarks()])


class SkipReason(Part):
    """Why files are not searchable."""

    reason: str
    files: int


class JobSummary(Part):
    """One job of a list."""

    job_id: UUID
    status: Status
    repo_path: str
    progress_percentage: float
    progress_message: str
    created_at: datetime
    estimated_time_remaining_seconds: int | None = None
    error_type: str | None = None
    error_message: str | None = None

    def line(self) -> str:
        """One line about the job."""
        error = f" · {self.error_type}: {self.error_message}" if self.error_message else ""
        return printable(
            f"{str(self.job_id)[:SHORT_ID]} {self.status} {self.progress_percentage:.0f} % {self.repo_path} "
            f"({self.created_at:{DAY_AND_MINUTE}}): {self.progress_message}{error}"
        )


class IndexingStatus(Answer):
    """Everything about one job."""

    job_id: UUID
    status: Status
    is_final: bool = Field(description="Whether the job has ended: completed, failed or cancelled.")
    project_id: str
    repository: str
    repo_path: str
    progress_percentage: float
    progress_message: str
    phase: str | None = Field(
        default=None, description="What the workers are doing: scanning, chunking, embedding, writing, finishing."
    )
    estimated_time_remaining_seconds: int | None = None
    ask_again_in_seconds: int | None = Field(
        default=None, description="How long to wait before asking again; absent once the job is final."
    )
    files_scanned: int
    files_to_index: int = Field(description="New and changed files; unchanged ones cost nothing.")
    files_indexed: int
    files_skipped: int
    files_unchanged: int
    files_deleted: int
    chunks_created: int
    skipped_reasons: list[SkipReason] = Field(default=[], description="The most frequent reasons for skipping files.")
    elapsed_seconds: float
    created_at: datetime
    started_at: datetime | None = None
    completed_at: datetime | None = Field(default=None, description="When it ended, completed or failed.")
    cancelled_at: datetime | None = None
    blocked_reason: str | None = Field(
        default=None, description="What a blocked job waits for; it resumes automatically."
    )
    error_type: str | None = None
    error_message: str | None = None
    summary: dict[str, Any] | None = Field(
        default=None, description="Once completed, what the other fields don't say: seconds by phase, bytes, rates."
    )

    @classmethod
    def of(cls, job: JobStatus, *, reasons: dict[str, int], **further: Any) -> Self:
        """The answer about `job`, whose files were skipped for `reasons`."""
        made = {
            "skipped_reasons": [SkipReason(reason=reason, files=files) for reason, files in reasons.items()][
                :TOP_REASONS
            ],
            "blocked_reason": job.blocked_reason if job.status == "blocked" else None,
            "is_final": job.is_final,
            "ask_again_in_seconds": None if job.is_final else _pause(job.estimated_time_remaining_seconds),
            "summary": _further(job.summary, told=cls.model_fields),
            **further,
        }
        taken = {name: getattr(job, name) for name in cls.model_fields if name not in made}
        return cls(**taken, **made)

    def text(self) -> str:
        """How far it is, what was counted, and what to do next."""
        reasons = ", ".join(f"{one.files:,} {one.reason}" for one in self.skipped_reasons)
        return _lines(
            [
                f"Job {self.job_id}: {self.status}, {self.progress_percentage:.0f} % in {about(self.elapsed_seconds)}",
                printable(self.progress_message),
                printable(f"{self.repo_path} (repository {self.repository}, project {self.project_id})"),
                f"{counted(self.files_scanned, 'file')} found: {self.files_to_index:,} to index, "
                f"{self.files_indexed:,} indexed, {self.files_unchanged:,} unchanged, {self.files_skipped:,} skipped"
                f"{f' ({reasons})' if reasons else ''}, {self.files_deleted:,} deleted; "
                f"{counted(self.chunks_created, 'chunk')}",
                f"{self.error_type}: {self.error_message}" if self.error_message else "",
                f"It waits for: {self.blocked_reason}. It resumes automatically" if self.blocked_reason else "",
                self._next(),
            ]
        )

    def _next(self) -> str:
        if self.is_final:
            return ""
        return f"Ask again in {self.ask_again_in_seconds} s, or wait with watch_indexing"


class WatchedIndexing(IndexingStatus):
    """The job's status when it ended, or when the time was over."""

    timed_out: bool = Field(description="True if the job is still live: call watch_indexing again.")

    def _next(self) -> str:
        return "The job is still live: call watch_indexing again, or go on with other work" if self.timed_out else ""


class JobList(ProjectAnswer):
    """A page of jobs, newest first."""

    jobs: list[JobSummary]
    total_count: int = Field(description="How many jobs match, on all pages; counted up to 10,000.")
    total_count_is_exact: bool = Field(description="False if there are at least total_count jobs, perhaps more.")
    has_more: bool = Field(description="Whether there is a next page: call again with offset=next_offset.")
    next_offset: int | None = None

    @classmethod
    def of(cls, page: JobPage, *, offset: int, project: Project) -> "JobList":
        """A page that begins at `offset`."""
        return cls(
            jobs=[JobSummary(**{name: getattr(job, name) for name in JobSummary.model_fields}) for job in page.jobs],
            total_count=page.total_count,
            total_count_is_exact=page.total_count_is_exact,
            has_more=page.has_more,
            next_offset=offset + len(page.jobs) if page.has_more else None,
            project_id=project.id,
            project_source=project.origin,
            notes=[*project.notes],
        )

    def text(self) -> str:
        """A line for each job."""
        at_least = "" if self.total_count_is_exact else "at least "
        return _lines(
            [
                *self.remarks(),
                f"{at_least}{counted(self.total_count, 'job')} in project {self.project_id}, newest first",
                *(job.line() for job in self.jobs),
                next_page(self.next_offset),
            ]
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

    def text(self) -> str:
        """What was done, and what that means."""
        effect = "" if self.confirmation_required else f"Kept: {self.kept}. Lost: {self.lost}"
        return _lines([f"Job {self.job_id}: {self.status}", self.message, effect if self.cancelled else ""])


def next_page(offset: int | None) -> str:
    """How to get the next page of a list; nothing where there is none."""
    return "" if offset is None else f"More: call again with offset={offset}"


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(line for line in lines if line)


def _further(summary: dict[str, Any] | None, *, told: Container[str]) -> dict[str, Any] | None:
    """What a summary says beside the fields that tell the same, and that is not nothing."""
    if summary is None:
        return None
    return {name: value for name, value in summary.items() if value and name not in told and name != "files_found"}


def _pause(seconds_left: int | None) -> int:
    return 5 if seconds_left is None else max(2, min(30, seconds_left // 2))
