"""Which views a removal is about: one at a path, those of a repository, those that are gone or old; and what it takes
away."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, LiteralString

from psycopg.rows import class_row

from pgdex.jobs.client.freshness import gone_roots
from pgdex.jobs.client.models import IndexedView, RemovalEffect
from pgdex.jobs.client.naming import view_meant, views_of_repository_meant
from pgdex.jobs.client.views import indexed_views
from pgdex.jobs.errors import InvalidRequest, JobIsLive

if TYPE_CHECKING:
    from pgdex.jobs.client.client import Client

EFFECT = "select * from pgdex.removal_effect(%s)"
OUT_OF_SIGHT = """
    select root from pgdex.views
    where project_id = %s and ref = '' and removed_at is null and missing_since is not null and id <> all(%s)
    order by root
"""
# What counts is when someone last asked for it: a history that was cut short is no reason to call a view old.
OLDER: LiteralString = """
    select id from pgdex.views_status
    where id = any(%s) and live_job_id is null and greatest(last_job_at, last_indexed_at, created_at) < %s
"""
LIVE = """
    select pgdex.view_location(w.root, w.ref), j.id from pgdex.views w
    join pgdex.indexing_jobs j on j.view_id = w.id and pgdex.is_live(j.status)
    where w.id = any(%s) order by w.root limit 1
"""


@dataclass(frozen=True, slots=True)
class Wish:
    """What someone asked to remove: `text` is a path or a name (None: any), `all_views` all of a repository's;
    `missing` only those whose folder is gone, `older_than` only those that nobody asked to index since."""

    text: str | None
    all_views: bool = False
    missing: bool = False
    older_than: datetime | None = None

    @property
    def is_selective(self) -> bool:
        """Whether it says which views by what they are like."""
        return self.missing or self.older_than is not None


def views_to_remove(client: "Client", wish: Wish, *, project: str) -> list[IndexedView]:
    """The views of a project that a wish is about, by their paths; of a selective one perhaps none.

    Raises InvalidRequest where `text` means nothing, or several where only one was asked for.
    """
    if wish.text is None:
        if not wish.is_selective:
            raise InvalidRequest("specify what to remove: a path, a repository's name, --missing, or --older-than AGE")
        chosen = indexed_views(client.connection, project=project)
    elif not (wish.all_views or wish.is_selective):
        advice = ", or use --all-views"
        chosen = [view_meant(client.connection, wish.text, project=project, advice=advice)]
    else:
        chosen = views_of_repository_meant(client.connection, wish.text, project=project)
    if wish.missing:
        gone = gone_roots(client, [one.root for one in chosen if not one.ref])
        chosen = [one for one in chosen if one.root in gone]
    if wish.older_than is not None:
        rows = client.connection.execute(OLDER, [[one.id for one in chosen], wish.older_than])
        old = {row[0] for row in rows}
        chosen = [one for one in chosen if one.id in old]
    return chosen


def removal_effect(client: "Client", views: Sequence[IndexedView]) -> list[RemovalEffect]:
    """What removing these views takes away, by repository."""
    with client.connection.cursor(row_factory=class_row(RemovalEffect)) as cursor:
        return cursor.execute(EFFECT, [[one.id for one in views]]).fetchall()


def require_no_live_job(client: "Client", views: Sequence[IndexedView], *, advice: str) -> None:
    """Raise JobIsLive where one of the views is being indexed: before any of several is removed. `advice`: what to do
    about it, in the words of the front end."""
    row = client.connection.execute(LIVE, [[one.id for one in views]]).fetchone()
    if row is not None:
        raise JobIsLive(f"{row[0]} is being indexed by job {row[1]}: {advice}")


def missing_elsewhere(client: "Client", views: Sequence[IndexedView], *, project: str) -> list[str]:
    """The folders of a project that the workers found gone, and that this machine can't judge: all but `views`."""
    rows = client.connection.execute(OUT_OF_SIGHT, [project, [one.id for one in views]]).fetchall()
    return [root for (root,) in rows if not os.path.lexists(root)]
