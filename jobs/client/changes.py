"""What has changed in a view's folder since it was indexed: a walk beside what the index has; no file is read."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from pgdex.indexer.sources import FoundFile, SkipReason, walk
from pgdex.jobs.database.connection import Connection

STORED = """
    select path, size, mtime_ns, ctime_ns, inode, version_id is not null, skip_reason
    from pgdex.view_files where view_id = %s
"""
# The walk does not say these, and each job looks again.
LOOKED_AT_AGAIN = frozenset({SkipReason.FAILED.value, SkipReason.SECRET.value, SkipReason.VANISHED.value})
NOT_SEEN = frozenset({SkipReason.UNREADABLE, SkipReason.IO_ERROR})


class Known(NamedTuple):
    """What the index has of a file of the view."""

    size: int | None
    mtime_ns: int | None
    ctime_ns: int | None
    inode: int | None
    was_read: bool
    skip_reason: str | None


def changes_since(
    connection: Connection, *, view_id: int, root: Path, max_file_bytes: int, aborted: Callable[[], bool]
) -> list[str]:
    """The paths of files that are new, changed or gone: what the next job of the view would look at.

    Raises WalkAborted where `aborted` says so, RootUnavailable.
    """
    row = connection.execute("select no_ignore from pgdex.views where id = %s", [view_id]).fetchone()
    found = list(walk(root, max_file_bytes=max_file_bytes, aborted=aborted, heeds_git=not (row and row[0])))
    known = {path: Known(*values) for path, *values in connection.execute(STORED, [view_id], binary=True)}
    return compared(found, known)


def compared(found: Iterable[FoundFile], known: dict[str, Known]) -> list[str]:
    """The paths in which a walk and what is known of its files differ; empties `known`."""
    changed = []
    closed = []
    for file in found:
        before = known.pop(file.path, None)
        if file.skip_reason in NOT_SEEN:
            closed.append(file.path + "/")
        if _has_changed(file, before):
            changed.append(file.path)
    # What lies in a folder that can't be listed now is not gone.
    gone = [path for path in known if not any(path.startswith(folder) for folder in closed)]
    return sorted(changed + gone)


def _has_changed(file: FoundFile, before: Known | None) -> bool:
    """As plan_job decides it."""
    if file.skip_reason is not None:
        if before is not None and file.skip_reason in NOT_SEEN and before.skip_reason is None:
            return False  # kept
        return before is None or before.was_read or before.skip_reason != file.skip_reason.value
    if before is None or before.size != file.size:
        return before is None or before.skip_reason not in LOOKED_AT_AGAIN or before.size is not None
    if not before.was_read:
        return before.skip_reason not in LOOKED_AT_AGAIN
    if file.mtime_ns == 0:
        return False  # a name that secrets have: each job reads it
    return (
        before.mtime_ns != file.mtime_ns
        or (file.ctime_ns != 0 and before.ctime_ns is not None and before.ctime_ns != file.ctime_ns)
        or (file.inode != 0 and before.inode is not None and before.inode != file.inode)
    )
