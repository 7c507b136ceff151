"""A second view of a repository, made by SQL: as join_family leaves it for another working tree of the same history."""

from collections.abc import Sequence

from pgdex.jobs.database.connection import Connection
from tests.support.job_checks import value


def new_view(
    connection: Connection, *, of: str, root: str, branch: str | None = None, paths: Sequence[str] | None = None
) -> int:
    """A view at `root` that holds the same versions as the view at `of`, all or those of `paths`; returns its id."""
    view_id = value(
        connection,
        "insert into pgdex.views"
        " (repository_id, project_id, root, name, kind, is_main, branch, last_indexed_at, chunks)"
        " select repository_id, project_id, %s, %s, 'worktree', false, %s, clock_timestamp(), chunks"
        " from pgdex.views where root = %s and removed_at is null returning id",
        *(root, root.rpartition("/")[2], branch, of),
    )
    connection.execute(
        "insert into pgdex.view_files (view_id, version_id, size, mtime_ns, path, skip_reason)"
        " select %s, e.version_id, e.size, e.mtime_ns, e.path, e.skip_reason"
        " from pgdex.view_files e join pgdex.views v on v.id = e.view_id and v.removed_at is null"
        " where v.root = %s and (%s::text[] is null or e.path = any(%s))",
        [view_id, of, paths, paths],
    )
    assert isinstance(view_id, int)
    return view_id
