"""What has changed in a view's folder since it was indexed: a walk beside what the index has; no file that is as it was
is read."""

from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path

from pgdex.indexer.sources import FoundFile, OpenedRoot, SkipReason, Witness, walk
from pgdex.indexer.sources.ignores import OWN_IGNORE
from pgdex.jobs.database.connection import Connection

STORED = """
    select path, size, mtime_ns, ctime_ns, inode, version_id is not null, skip_reason
    from pgdex.view_files where view_id = %s
"""
STORED_AT = """
    select e.path, e.size, e.mtime_ns, e.ctime_ns, e.inode, e.version_id is not null, e.skip_reason
    from unnest(%(only)s::text[]) as at (path)
    cross join lateral (
        select * from pgdex.view_files f where f.view_id = %(view)s and f.path = at.path
        union all
        select * from pgdex.view_files f
        where f.view_id = %(view)s and f.path > at.path || '/' and f.path < at.path || '0'  -- the character after '/'
    ) as e
"""
# The walk does not say these, and each job looks again: what ended workers must not be tried before each answer.
LOOKED_AT_AGAIN = frozenset(
    {
        SkipReason.FAILED.value,
        SkipReason.SECRET.value,
        SkipReason.CRASHED.value,
        SkipReason.EXTRA_MISSING.value,
        SkipReason.UNFINISHED.value,
    }
)
NOT_SEEN = frozenset({SkipReason.UNREADABLE, SkipReason.IO_ERROR})


# What the index has of a file of the view: path, size, times of modification and change, inode, whether it was read,
# and why it was skipped. An ordinary tuple: the garbage collector lets go of those that hold numbers and texts only.
# With 21,000 named ones it took 40 ms of a look.
Known = tuple[str, int | None, int | None, int | None, int | None, bool, str | None]


def changes_since(
    connection: Connection,
    *,
    view_id: int,
    root: Path,
    max_file_bytes: int,
    aborted: Callable[[], bool],
    only: Collection[str] | None = None,
    entering: Callable[[bytes], object] = lambda path: None,
) -> list[str]:
    """The paths of files that are new, changed or gone: what the next job of the view would look at.

    Without those of which a job would learn nothing: a file that the index has and that can't be read (now, or still).
    `only` and `entering` are those of `walk`. Raises WalkAborted where `aborted` says so, RootUnavailable.
    """
    heeds_git, witness = how_to_walk(connection, view_id=view_id)
    # First, so that the walk need not be kept. What a job writes meanwhile looks like a change: one job for nothing.
    known = known_files(connection, view_id=view_id, only=only)
    with OpenedRoot(root, for_listing=True) as opened:
        # Of a part of the tree it can't be said whether most of a folder is lost.
        unmounted = [] if only is not None else witness.unmounted(opened)
        found = walk(
            opened,
            max_file_bytes=max_file_bytes,
            aborted=aborted,
            entering=entering,
            heeds_git=heeds_git,
            only=only,
            blob_ids=False,
        )
        changed = compared(found, known, unmounted=unmounted)
    return worth_a_job(changed, known, root=root)


def how_to_walk(connection: Connection, *, view_id: int) -> tuple[bool, Witness]:
    """Whether git's ignore rules count in the view, and what is known of its tree."""
    row = connection.execute("select no_ignore, witness from pgdex.views where id = %s", [view_id]).fetchone()
    no_ignore, witness = row or (False, None)
    return not no_ignore, Witness.from_json(witness)


def known_files(connection: Connection, *, view_id: int, only: Collection[str] | None = None) -> dict[str, Known]:
    """What the index has of a view's files by their paths, or of those at the paths `only` and below."""
    # All at once: of 79,000 rows one by one it takes twice the time.
    if only is None:
        rows = connection.execute(STORED, [view_id], binary=True).fetchall()
    else:
        texts = [path for path in only if _is_text(path)]
        rows = connection.execute(STORED_AT, {"only": texts, "view": view_id}, binary=True).fetchall()
    return {row[0]: row for row in rows}


def worth_a_job(changed: Iterable[str], known: Mapping[str, Known], *, root: Path) -> list[str]:
    """Those of the changed paths of which a job would learn something."""
    return [path for path in changed if path not in known or _can_be_read(root / path, skip_reason=known[path][-1])]


def _is_text(path: str) -> bool:
    """Whether it is UTF-8 on disk; other names are in no index."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def compared(found: Iterable[FoundFile], known: Mapping[str, Known], *, unmounted: Iterable[str] = ()) -> list[str]:
    """The paths in which a walk and what is known of its files differ. `unmounted` are folders in which a file system
    was mounted that is not there now."""
    changed = set()
    seen = set()
    closed = []
    for file in found:
        seen.add(file.path)
        if file.skip_reason in NOT_SEEN:
            closed.append(file.path + "/")
        if _has_changed(file, known.get(file.path)):
            changed.add(file.path)
    absent = known.keys() - seen
    closed += [folder + "/" for folder in unmounted if _is_lost(folder + "/", absent, known)]
    # What lies in a folder that can't be listed now is not gone.
    changed |= {path for path in absent if not any(path.startswith(folder) for folder in closed)}
    if any(path.rpartition("/")[2] == OWN_IGNORE.decode() for path in changed):  # it may bring secrets back
        changed |= {path for path in known.keys() & seen if known[path][-1] == SkipReason.SECRET}
    return sorted(changed)


def _is_lost(folder: str, absent: Iterable[str], known: Iterable[str]) -> bool:
    """Whether most of what is known of a folder is not there."""
    return 2 * sum(path.startswith(folder) for path in absent) > sum(path.startswith(folder) for path in known)


def _has_changed(file: FoundFile, before: Known | None) -> bool:
    """As plan_job decides it, but for files of which each job takes another look."""
    if before is None:
        return True
    _, size, mtime_ns, ctime_ns, inode, was_read, skip_reason = before
    # What this process lacks says nothing about the workers, which have or have not indexed the file.
    if file.skip_reason is not None and file.skip_reason is not SkipReason.EXTRA_MISSING:
        is_kept = file.skip_reason in NOT_SEEN and skip_reason is None
        return not is_kept and (was_read or skip_reason != file.skip_reason.value)
    if not was_read and skip_reason not in LOOKED_AT_AGAIN:
        return True
    if not was_read and size is None:
        return False  # nobody knows how it was
    if file.mtime_ns == 0:  # a name that secrets have: the walk does not say more
        return size != file.size
    return (
        size != file.size
        or mtime_ns != file.mtime_ns
        or (file.ctime_ns != 0 and ctime_ns is not None and ctime_ns != file.ctime_ns)
        or (file.inode != 0 and inode is not None and inode != file.inode)
    )


def _can_be_read(path: Path, *, skip_reason: str | None) -> bool:
    """Whether a job would see more of a file than the one before did; of one that is gone it would see that."""
    try:
        with path.open("rb") as file:
            if skip_reason in NOT_SEEN:  # it may open and not be read, from a disk that is failing
                file.read()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return True
    except OSError:
        return False
    return True
