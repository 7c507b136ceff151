"""Answers of the client as the command line gets them, for tests of what it shows."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from pgdex.jobs.client.models import JobPage, JobStatus

JOB_ID = UUID("1a2b3c4d-0000-4000-8000-000000000000")
NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)

SUMMARY: dict[str, Any] = {
    "files_found": 63,
    "files_indexed": 60,
    "files_unchanged": 0,
    "files_skipped": 3,
    "skipped_by_reason": {"empty": 1, "binary": 2},
    "files_deleted": 0,
    "chunks_created": 1204,
    "duration_seconds": 2.3,
    "files_per_second": 27.4,
    "bytes_per_second": 310_000,
    "seconds": {
        "scanning": 0.1,
        "reading": 0.1,
        "chunking": 4.8,
        "embedding": 3.0,
        "writing": 2.0,
        "finishing": 0.001,
    },
}


def sample_job(**changes: Any) -> JobStatus:
    """A running job, halfway through, with `changes`."""
    job: dict[str, Any] = {
        "job_id": JOB_ID,
        "status": "running",
        "project_id": "default",
        "repository": "click",
        "view_name": "click",
        "repo_path": "/src/click",
        "progress_percentage": 50.0,
        "progress_message": "Chunking: 30/63 files · 27 files/s · 1.2 s left",
        "phase": "chunking",
        "files_scanned": 63,
        "files_to_index": 63,
        "files_indexed": 28,
        "files_skipped": 2,
        "files_unchanged": 0,
        "files_deleted": 0,
        "chunks_created": 600,
        "files_per_second": 27.0,
        "bytes_per_second": 305_000,
        "seconds_by_phase": {"scanning": 0.1, "reading": 0.1, "chunking": 1.8, "embedding": 1.0},
        "elapsed_seconds": 1.1,
        "estimated_time_remaining_seconds": 2,
        "force_reindex": False,
        "paths_asked": None,
        "embedder": "hashing",
        "created_at": NOW,
        "started_at": NOW,
        "completed_at": None,
        "cancelled_at": None,
        "blocked_since": None,
        "blocked_reason": None,
        "next_probe_at": None,
        "error_type": None,
        "error_message": None,
        "error_traceback": None,
        "summary": None,
        "is_overdue": False,
    }
    if "repository" in changes:
        changes.setdefault("view_name", changes["repository"])
    return JobStatus(**(job | changes))


def completed_job(**changes: Any) -> JobStatus:
    """A job that is done."""
    done: dict[str, Any] = {
        "status": "completed",
        "progress_percentage": 100.0,
        "phase": None,
        "files_indexed": 60,
        "files_skipped": 3,
        "chunks_created": 1204,
        "completed_at": NOW,
        "summary": SUMMARY,
        "files_per_second": None,
        "bytes_per_second": None,
        "seconds_by_phase": SUMMARY["seconds"],
    }
    return sample_job(**(done | changes))


def page_of(*jobs: JobStatus, total: int | None = None) -> JobPage:
    """A page with these jobs, of `total` in all."""
    count = len(jobs) if total is None else total
    return JobPage(jobs=list(jobs), total_count=count, total_count_is_exact=True, has_more=count > len(jobs))
