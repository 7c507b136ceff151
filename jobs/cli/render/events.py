"""Events of a job's history, a line each."""

from collections.abc import Callable
from typing import Any

from pgdex.jobs.cli.render.text import count, duration, local_time, printable
from pgdex.jobs.client.models import JobEvent

WIDEST_TYPE = len("cancelled")


def event_line(event: JobEvent) -> str:
    """When, what, and the figures that matter for this type."""
    return (
        f"{local_time(event.created_at)}  {event.event_type:<{WIDEST_TYPE}}  "
        f"{printable(_story(event.event_type, event.event_data))}"
    ).rstrip()


def _story(event_type: str, data: dict[str, Any]) -> str:
    story = STORIES.get(event_type)
    return story(data) if story else " ".join(f"{key}={value}" for key, value in data.items())


def _created(data: dict[str, Any]) -> str:
    return f"{data.get('repo_path', '')}{' (forced)' if data.get('force_reindex') else ''}"


def _scanned(data: dict[str, Any]) -> str:
    return (
        f"{count(data.get('files_scanned', 0), 'file')} found: {data.get('files_to_index', 0):,} to index, "
        f"{data.get('files_unchanged', 0):,} unchanged, {data.get('files_skipped', 0):,} skipped, "
        f"{data.get('files_deleted', 0):,} deleted"
    )


def _progress(data: dict[str, Any]) -> str:
    return f"{data.get('progress_percentage', 0):5.1f} %  {data.get('progress_message', '')}"


def _reclaimed(data: dict[str, Any]) -> str:
    batches = count(data.get("batches", 0), "batch", "batches")
    dead = [str(worker) for worker in data.get("dead_workers") or ()]
    gone = (
        f"workers {', '.join(dead)}, which are gone"
        if len(dead) > 1
        else f"worker {''.join(dead) or '?'}, which is gone"
    )
    return f"{batches} with {count(data.get('files') or 0, 'file')} from {gone}"


def _completed(data: dict[str, Any]) -> str:
    return (
        f"{count(data.get('files_indexed', 0), 'file')} indexed, {count(data.get('chunks_created', 0), 'chunk')}, "
        f"in {duration(float(data.get('duration_seconds') or 0))}"
    )


def _failed(data: dict[str, Any]) -> str:
    return f"{data.get('error_type', '')}: {data.get('error_message', '')}"


def _cancelled(data: dict[str, Any]) -> str:
    done = count(data.get("files_indexed", 0), "file")
    return f"at {data.get('progress_percentage', 0):.1f} %, {done} indexed"


def _path(data: dict[str, Any]) -> str:
    return str(data.get("repo_path", ""))


def _blocked(data: dict[str, Any]) -> str:
    return str(data.get("blocked_reason", ""))


def _unseen(data: dict[str, Any]) -> str:
    return f"left to other workers by worker {data.get('worker', '?')} on {data.get('host')}: {data.get('reason', '')}"


STORIES: dict[str, Callable[[dict[str, Any]], str]] = {
    "created": _created,
    "started": _path,
    "scanned": _scanned,
    "progress": _progress,
    "reclaimed": _reclaimed,
    "unseen": _unseen,
    "blocked": _blocked,
    "resumed": _path,
    "completed": _completed,
    "failed": _failed,
    "cancelled": _cancelled,
}
