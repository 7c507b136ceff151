"""Jobs for what has changed in a folder that is indexed, asked for by those who look and watch."""

from collections.abc import Iterable
from uuid import UUID

from pgdex.jobs.database.connection import Connection

ENQUEUE = "select pgdex.enqueue_job(%s, project => %s, job_id => %s, allow_broad => true, paths => %s)"


def enqueue_paths(
    connection: Connection, root: str, *, project: str, paths: Iterable[str] | None, wished: UUID
) -> UUID:
    """Ask for `paths` of the view at `root` to be indexed, or for all of it to be looked at (None), with the model that
    its index has; returns the live job: `wished`, or one that was there.

    Whoever had the folder indexed said already whether they mean one as broad as this. Raises psycopg.Error.
    """
    values = [root, project, wished, None if paths is None else sorted(paths)]
    row = connection.execute(ENQUEUE, values).fetchone()
    assert row is not None
    return UUID(str(row[0]))
