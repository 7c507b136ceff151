"""A job in full, and its summary at the end."""

import shlex
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pgdex.jobs.cli.render.text import SHORT_ID, age, duration, local_time, printable
from pgdex.jobs.client.models import JobStatus
from pgdex.jobs.client.wording import counted, kept_and_lost
from pgdex.jobs.errors import NothingFound
from pgdex.jobs.ignored import ignored_line

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

STYLES = {
    "pending": "cyan",
    "running": "bold blue",
    "blocked": "bold yellow",
    "completed": "green",
    "failed": "bold red",
    "cancelled": "magenta",
}
USUAL_PROJECT = "default"
MOST_SUBMODULES = 5
# What workers say of git sources (indexer/git/errors.py), by the names that jobs have for it. A traceback adds nothing.
GIT_ERRORS = frozenset(
    {
        *("SourceRefused", "GitMissing", "GitTimedOut", "SourceUnreachable", "HostUnknown", "AuthenticationFailed"),
        *("HostKeyRefused", "CertificateRefused", "NotARepository", "EmptyRepository", "RefNotFound"),
        *("CommitNotFound", "DiskFull"),
    }
)
PHASES = ("scanning", "reading", "chunking", "embedding", "writing", "finishing")


def job_table(job: JobStatus, *, now: datetime, traceback: bool = False) -> "Table":
    """Everything that a person wants to know about one job, as names and values."""
    from rich.text import Text

    rows: list[tuple[str, str | Text]] = [
        ("Job", str(job.job_id)),
        ("Status", Text(job.status, STYLES[job.status])),
        ("Repository", printable(job.title)),
        ("Path", printable(job.repo_path)),
        ("Project", printable(job.project_id)),
        ("Progress", f"{job.progress_percentage:.1f} % · {printable(job.progress_message)}"),
    ]
    if job.files_scanned:
        rows.append(("Files", file_counts(job)))
        rows.append(("Chunks", f"{job.chunks_created:,}"))
    if job.embedder:
        rows.append(("Embedder", printable(job.embedder)))
    rows.append(("Created", f"{local_time(job.created_at)} ({age(job.created_at, now=now)})"))
    if job.started_at is not None:
        running = "Took" if job.is_final else "Running for"
        rows.append((running, duration(job.elapsed_seconds)))
    if job.blocked_since is not None and job.status == "blocked":
        rows.append(("Blocked", f"since {local_time(job.blocked_since)}"))
    if job.is_overdue:
        days = (now - job.created_at).days
        which = f"{str(job.job_id)[:SHORT_ID]}{in_project(job.project_id)}"
        advice = f"live for {days} days. Still wanted? If not: pgdex cancel {which}"
        rows.append(("Overdue", Text(advice, "yellow")))
    rows.append(("Rate", rates(job)))
    if job.summary:
        rows.append(("Skipped", skipped_counts(job.summary)))
        rows.append(("Kept", kept_counts(job.summary)))
        rows.append(("Ignored", printable(ignored_line(job.summary))))
        rows.append(("Submodules", "\n".join(submodule_lines(job.summary, all_of_them=True))))
    rows.append(("Time", time_shares(job.seconds_by_phase)))
    if job.error_message:
        rows.append(("Error", f"{job.error_type}: {printable(job.error_message, lines=True)}"))
    if traceback and job.error_traceback:
        rows.append(("Traceback", printable(job.error_traceback, lines=True)))
    return _names_and_values([row for row in rows if row[1]])


def summary_lines(job: JobStatus) -> list[str]:
    """What a completed job did, for the end of `pgdex index`."""
    summary = job.summary or {}
    took = duration(float(summary.get("duration_seconds", job.elapsed_seconds)))
    if job.files_to_index == 0 and not job.files_deleted and not job.files_kept:
        is_first = summary.get("is_first")
        what = "all of it was known already" if is_first else "the index is up to date"
        lines = [f"{'Indexed' if is_first else 'Nothing to do in'} {printable(job.title)}: {what} ({took})."]
    else:
        pace = rates(job)
        lines = [f"Indexed {printable(job.title)} in {took}{f' ({pace})' if pace else ''}."]
    lines.append(f"  files    {file_counts(job)}")
    skipped = skipped_counts(summary)
    if skipped:
        lines.append(f"  skipped  {skipped}")
    kept = kept_counts(summary)
    if kept:
        lines.append(f"  kept     {kept}")
    if summary.get("files_outdated"):
        lines.append(f"  model    {outdated_count(summary)}")
    if ignored := ignored_line(summary):
        lines.append(f"  ignored  {printable(ignored)}")
    lines += [f"  {'' if number else 'linked':<7}  {line}" for number, line in enumerate(submodule_lines(summary))]
    if job.files_to_index:
        lines.append(f"  chunks   {job.chunks_created:,}")
        lines.append(f"  time     {time_shares(job.seconds_by_phase)}")
    return lines


def outcome_lines(job: JobStatus) -> list[str]:
    """How a job that did not complete ended, and what to do."""
    if job.status == "failed" and job.error_type == NothingFound.__name__:
        return [f"Error: {printable(job.error_message or '')}"]
    if job.status == "failed" and job.error_type in GIT_ERRORS:
        return [f"Error: {printable(job.error_message or '')}", *_after_git(job)]
    if job.status == "failed":
        short = f"{str(job.job_id)[:SHORT_ID]}{in_project(job.project_id)}"
        return [
            f"Error: the job failed: {printable(job.error_message or '')}",
            f"  what happened   pgdex --debug status {short}",
            "  try again       pgdex index continues from what was indexed before",
        ]
    return [f"{printable(job.progress_message)}."]


def _after_git(job: JobStatus) -> list[str]:
    """What to do where git could not have a source: its message has said what is wrong."""
    project = in_project(job.project_id)
    lines = [f"  try again   pgdex retry {str(job.job_id)[:SHORT_ID]}{project}"]
    if not job.files_scanned:
        lines.append(f"  remove it   pgdex remove {shlex.quote(printable(job.repo_path))}{project}")
    return lines


def next_steps(job: JobStatus, *, default_project: str) -> list[str]:
    """The commands to try after a completed job."""
    project = "" if job.project_id == default_project else f" --project {shlex.quote(job.project_id)}"
    if job.files_indexed + job.files_unchanged == 0:
        return [
            "No file in this folder could be indexed. Why:",
            f"  pgdex skipped {shlex.quote(job.repo_path)}{project}",
        ]
    steps = [f"""  pgdex search "what you're looking for"{project}"""]
    if job.files_skipped:
        steps.append(f"  pgdex skipped {shlex.quote(printable(job.repo_path))}{project}")
    return ["Next:", *steps]


def follow_up(job_id: object, *, project: str) -> list[str]:
    """How to get back to a job that goes on without this command, also from another folder."""
    short = f"{str(job_id)[:SHORT_ID]}{in_project(project)}"
    return [
        f"  look at it  pgdex status {short} --watch",
        f"  cancel it   pgdex cancel {short}",
    ]


def in_project(project: str) -> str:
    """What a command needs to find a job of `project` from everywhere; nothing where that is the usual one."""
    return "" if project == USUAL_PROJECT else f" --project {shlex.quote(project)}"


def file_counts(job: JobStatus) -> str:
    """ "63 found: 60 indexed, 3 skipped"."""
    parts = [f"{job.files_indexed:,} indexed"]
    for number, word in (
        (job.files_unchanged, "unchanged"),
        (job.files_skipped, "skipped"),
        (job.files_deleted, "deleted"),
    ):
        if number:
            parts.append(f"{number:,} {word}")
    return f"{job.files_scanned:,} found: {', '.join(parts)}"


def skipped_counts(summary: dict[str, Any]) -> str:
    """ "7 binary, 5 empty", the most frequent reason first."""
    reasons = summary.get("skipped_by_reason") or {}
    ordered = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{number:,} {reason}" for reason, number in ordered)


def kept_counts(summary: dict[str, Any]) -> str:
    """ "3 files could not be read and keep their indexed version (2 vanished, 1 unreadable)"; empty for none."""
    number = summary.get("files_kept") or 0
    if not number:
        return ""
    reasons = sorted((summary.get("kept_by_reason") or {}).items(), key=lambda item: (-item[1], item[0]))
    why = ", ".join(f"{count:,} {reason}" for reason, count in reasons)
    verb = "keeps its" if number == 1 else "keep their"
    return f"{counted(number, 'file')} could not be read and {verb} indexed version ({why}); the next job tries again"


def submodule_lines(summary: dict[str, Any], *, all_of_them: bool = False) -> list[str]:
    """ "2 submodules, each indexed by a job of its own", and a line for each that is not followed, or for all."""
    submodules = summary.get("submodules") or []
    if not submodules:
        return []
    followed = [one for one in submodules if "reason" not in one]
    how = "indexed by a job of its own" if len(followed) == 1 else "each indexed by a job of its own"
    lines = [f"{counted(len(followed), 'submodule')}, {how}"] if followed else []
    refused = [one for one in submodules if "reason" in one]
    if all_of_them:
        lines += [f"{printable(one['path'])}: job {str(one.get('job_id', '-'))[:SHORT_ID]}" for one in followed]
    lines += [
        f"{printable(one['path'])}: not followed, {printable(one['reason'])}"
        for one in refused[: None if all_of_them else MOST_SUBMODULES]
    ]
    left = 0 if all_of_them else len(refused) - MOST_SUBMODULES
    return [*lines, f"… and {left:,} more that are not followed"] if left > 0 else lines


def outdated_count(summary: dict[str, Any]) -> str:
    """ "540 files were still of another model or an older index format"."""
    number = summary["files_outdated"]
    return f"{counted(number, 'file')} {'was' if number == 1 else 'were'} of another model or an older index format"


def rates(job: JobStatus) -> str:
    """ "310 files/s, 2.9 MB/s": what a running job gets through now, and what a completed one did on average."""
    said = job.summary or {}
    files = job.files_per_second or said.get("files_per_second")
    size = job.bytes_per_second or said.get("bytes_per_second")
    if not files:
        return ""
    pace = f"{files:,.0f} files/s" if files >= 9.5 else f"{files:.1f} files/s"
    return f"{pace}, {size / 1e6:,.1f} MB/s" if size else pace


def time_shares(seconds: dict[str, float]) -> str:
    """ "chunking 45 % · embedding 30 %": each phase's share of the time that all workers have spent so far."""
    total = sum(seconds.values())
    if not total:
        return ""
    shares = [(phase, 100 * seconds.get(phase, 0) / total) for phase in PHASES]
    return " · ".join(f"{phase} {share:.0f} %" for phase, share in shares if share >= 0.5)


def cancel_question(job: JobStatus) -> str:
    """What a cancellation loses and keeps, as the text in front of the question."""
    name = f"job {str(job.job_id)[:SHORT_ID]} ({printable(job.title)}, {job.status}"
    if job.status == "pending":
        return f"Cancel {name})? It has not started yet; nothing is lost."
    kept, lost = kept_and_lost(job, again="`pgdex index`")
    return f"Cancel {name}, {job.progress_percentage:.1f} %)?\n  kept: {kept}\n  lost: {lost}"


def _names_and_values(rows: "list[tuple[str, str | Text]]") -> "Table":
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, value)
    return table
