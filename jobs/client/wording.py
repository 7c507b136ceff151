"""Sentences that more than one front end says."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pgdex.jobs.client.models import JobStatus


def kept_and_lost(job: "JobStatus", *, again: str) -> tuple[str, str]:
    """What a cancellation of a live job keeps, and what it loses; `again` is how the work would be taken up."""
    if job.status == "pending":
        return "everything, since it has not started yet", "nothing"
    left = max(0, job.files_scanned - job.files_indexed - job.files_skipped - job.files_unchanged)
    return (
        f"what this job indexed ({counted(job.files_indexed, 'file')}) stays searchable, and the next {again} "
        "continues from there",
        f"the work on the few files in progress now; the others ({counted(left, 'file')}) stay as they were before",
    )


def about(seconds: float) -> str:
    """ "12 s", "3 min", "2 h": roughly."""
    if seconds < 90:
        return f"{round(seconds)} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{round(seconds / 3600)} h"


def counted(number: int, thing: str) -> str:
    """A number with its noun: "1 file", "1,204 files"."""
    return f"1 {thing}" if number == 1 else f"{number:,} {thing}s"


def megabytes(number: int) -> str:
    """Bytes as a rough figure: "less than 1 MB", "12 MB", "3.4 GB"."""
    if number < 1_000_000:
        return "less than 1 MB"
    return f"{number / 1e6:,.0f} MB" if number < 1_000_000_000 else f"{number / 1e9:,.1f} GB"
