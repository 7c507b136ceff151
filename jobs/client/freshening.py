"""Before an answer: what has changed in the view since it was indexed is indexed first, if it is little."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import psycopg

from pgdex.indexer.sources import RootUnavailable, WalkAborted
from pgdex.jobs.client.changes import changes_since
from pgdex.jobs.client.models import LIVE
from pgdex.jobs.client.path_jobs import enqueue_paths
from pgdex.jobs.errors import InvalidRequest
from pgdex.jobs.logging import fields
from pgdex.jobs.repository_path import resolve_root

if TYPE_CHECKING:
    from pgdex.jobs.client.client import Client
    from pgdex.jobs.client.models import IndexedView

POLL_SECONDS = 0.02
REST_SECONDS = 60
"""A tree that can't be walked in the time is walked by a job, which takes seconds; not for each search of an agent."""
REST_FOR_EACH_SECOND = 10
"""How long such a tree is not looked at again, as a multiple of the time that was lost: of ten searches in a row one
waits."""
LOOKED_AT = "select clock_timestamp() - last_indexed_at < make_interval(secs => %s) from pgdex.views where id = %s"
STATUS = "select status, files_to_index - files_done <= %s from pgdex.indexing_jobs where id = %s"

Look = Callable[["Client", "IndexedView", Path, Callable[[], bool]], list[str]]
"""Finds the paths in which a view and its folder (a real path) differ: `whole_look`, or what has to look at less of it.
Raises WalkAborted where the function says so, RootUnavailable."""

logger = logging.getLogger("pgdex.client")

_resting: dict[str, float] = {}
"""Folders that this process could not walk in the time, and until when (monotonic) it does not try again."""


@dataclass(frozen=True, slots=True)
class Freshened:
    """What a reader of the answer should know, and whether it is known that the index has every file as it is now,
    whatever job is under way."""

    note: str | None = None
    is_current: bool = False


def whole_look(client: "Client", view: "IndexedView", root: Path, aborted: Callable[[], bool]) -> list[str]:
    """The Look of whoever remembers nothing: a walk of the whole tree."""
    return changes_since(
        client.connection,
        view_id=view.id,
        root=root,
        max_file_bytes=client.settings.max_file_bytes,
        aborted=aborted,
    )


def freshen(
    client: "Client",
    view: "IndexedView",
    *,
    project: str,
    ensure_workers: Callable[[], object],
    look: Look = whole_look,
) -> Freshened:
    """See to it that a search of `view` knows the files as they are now.

    Where no more than PGDEX_FRESH_FILES have changed, they are indexed and waited for, PGDEX_FRESH_SECONDS at most for
    looking and waiting together; more of them are asked for and not waited for. Of a job that is under way what has
    changed is waited for in the same way, unless the job is a long one. Where looking takes longer than that, a job
    looks, at most once a minute, and the next searches of this process don't try (see REST_FOR_EACH_SECOND). Does
    nothing where the view was never indexed to its end, is not on this machine, or the login may not ask for a job.
    `ensure_workers` is called where there is something to do.
    """
    seconds = client.settings.fresh_seconds
    if seconds <= 0 or view.ref or view.last_indexed_at is None:
        return Freshened()
    end = time.monotonic() + seconds
    if view.live_job_id is not None and _is_long(client, view.live_job_id):
        return Freshened()
    if time.monotonic() >= _resting.get(view.root, 0.0):
        try:
            is_current = _catch_up(client, view, project=project, ensure_workers=ensure_workers, look=look, end=end)
        except WalkAborted:
            _resting[view.root] = time.monotonic() + REST_FOR_EACH_SECOND * seconds
            row = client.connection.execute(LOOKED_AT, [REST_SECONDS, view.id]).fetchone()
            is_due = row is not None and not row[0]
            if is_due and _enqueue(client, view, None, project=project, wished=uuid4()) is not None:
                ensure_workers()
        else:
            return Freshened(is_current=is_current)
    return Freshened(
        f"looking for changes in {view.root} takes longer than {seconds:g} s (PGDEX_FRESH_SECONDS), so what was saved "
        "since it was last indexed may be missing"
    )


def _catch_up(
    client: "Client",
    view: "IndexedView",
    *,
    project: str,
    ensure_workers: Callable[[], object],
    look: Look,
    end: float,
) -> bool:
    """Index what has changed, if it is little; true where the index has everything then. Raises WalkAborted where the
    time is over before that is known."""
    while changes := _changes(client, view, look=look, end=end):
        is_little = len(changes) <= client.settings.fresh_files
        wished = uuid4()
        job_id = _enqueue(client, view, changes if is_little else None, project=project, wished=wished)
        if job_id is None:
            return False
        ensure_workers()
        ended = _end_soon(client, job_id, end=end) if is_little else None
        if ended is None or (job_id == wished and ended != "cancelled"):
            return ended == "completed"
        # Look again: a job that was under way when it was asked for may have walked past what changed, and one that a
        # watcher wants to be of the whole tree is cancelled for it.
    return changes is not None


def _enqueue(
    client: "Client", view: "IndexedView", paths: list[str] | None, *, project: str, wished: UUID
) -> UUID | None:
    """The live job. None for whoever may only read: they get the answer as it is, with its notes."""
    try:
        return enqueue_paths(client.connection, view.root, project=project, paths=paths, wished=wished)
    except psycopg.Error as error:
        logger.info("the view was not freshened: %s", error, extra=fields(action="not_freshened"))
        return None


def _changes(client: "Client", view: "IndexedView", *, look: Look, end: float) -> list[str] | None:
    """The paths that have changed; None where the folder is not there. Raises WalkAborted where the time is over."""
    try:
        root = resolve_root(Path(view.root), allowed_roots=client.settings.roots)
        changes = look(client, view, root, lambda: time.monotonic() > end)
    except (InvalidRequest, RootUnavailable):
        return None
    # Names that are no UTF-8, or too long, begin so (see FoundFile): they are in no index, and no job can ask for them.
    return [path for path in changes if not path.startswith("./")]


def _is_long(client: "Client", job_id: UUID) -> bool:
    """Whether a job of the view has many files to index, or waits for an embedding service."""
    row = client.connection.execute(STATUS, [client.settings.fresh_files, job_id]).fetchone()
    return row is not None and row[0] in LIVE and (row[0] == "blocked" or not row[1])


def _end_soon(client: "Client", job_id: UUID, *, end: float) -> str | None:
    """Wait for a job of the view: its last status. None where the time is over first, and at once where the job has
    many files to index, or waits for an embedding service."""
    while time.monotonic() < end:
        row = client.connection.execute(STATUS, [client.settings.fresh_files, job_id]).fetchone()
        if row is None:
            return "removed"
        status, is_little = row
        if status not in LIVE:
            return str(status)
        if status == "blocked" or not is_little:
            return None
        time.sleep(POLL_SECONDS)
    return None
