"""What has changed in a view's folder since it was indexed: a walk beside what the index has; no file is read."""

from collections.abc import Callable, Iterable
from pathlib import Path

from pgdex.indexer.sources import FoundFile, SkipReason, walk
from pgdex.jobs.database.connection import Connection

STORED = """
    select path, size, mtime_ns, ctime_ns, inode, version_id is not null, skip_reason
    from pgdex.view_files where view_id = %s
"""
# The walk does not say these, and each job looks again.
LOOKED_AT_AGAIN = frozenset({SkipReason.FAILED.value, SkipReason.SECRET.value, SkipReason.VANISHED.value})
NOT_SEEN = frozenset({SkipReason.UNREADABLE, SkipReason.IO_ERROR})


# What the index has of a file of the view: path, size, times of modification and change, inode, whether it was read,
# and why it was skipped. An ordinary tuple: the garbage collector lets go of those that hold numbers and texts only.
# With 21,000 named ones it took 40 ms of a look.
Known = tuple[str, int | None, int | None, int | None, int | None, bool, str | None]


def changes_since(
    connection: Connection, *, view_id: int, root: Path, max_file_bytes: int, aborted: Callable[[], bool]
) -> list[str]:
    """The paths of files that are new, changed or gone: what the next job of the view would look at.

    Raises WalkAborted where `aborted` says so, RootUnavailable.
    """
    row = connection.execute("select no_ignore from pgdex.views where id = %s", [view_id]).fetchone()
    # First, so that the walk need not be kept. What a job writes meanwhile looks like a change: one job for nothing.
    known: dict[str, Known] = {row[0]: row for row in connection.execute(STORED, [view_id], binary=True)}
    found = walk(root, max_file_bytes=max_file_bytes, aborted=aborted, heeds_git=not (row and row[0]), blob_ids=False)
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
    if before is None:
        return True
    _, size, mtime_ns, ctime_ns, inode, was_read, skip_reason = before
    if file.skip_reason is not None:
        if file.skip_reason in NOT_SEEN and skip_reason is None:
            return False  # kept
        return was_read or skip_reason != file.skip_reason.value
    if size != file.size:
        return skip_reason not in LOOKED_AT_AGAIN or size is not None
    if not was_read:
        return skip_reason not in LOOKED_AT_AGAIN
    # 0: a name that secrets have; each job reads it.
    return file.mtime_ns != 0 and (
        mtime_ns != file.mtime_ns
        or (file.ctime_ns != 0 and ctime_ns is not None and ctime_ns != file.ctime_ns)
        or (file.inode != 0 and inode is not None and inode != file.inode)
    )
