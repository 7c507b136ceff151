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
from pgdex.jobs.client.removal import view_to_remove
from pgdex.jobs.client.targets import locations_of
from pgdex.jobs.client.views import indexed_views
from pgdex.jobs.errors import InvalidRequest, JobIsLive

if TYPE_CHECKING:
    from pgdex.jobs.client.client import Client

MOST_SHOWN = 20

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

    Raises InvalidRequest where there is no such thing, and where a repository has several views and none was chosen.
    """
    if wish.text is None:
        if not wish.is_selective:
            raise InvalidRequest("say what to remove: a path, a repository's name, --missing, or --older-than AGE")
        chosen = indexed_views(client.connection, project=project)
    else:
        chosen = _named(client, wish.text, project=project, all_of_it=wish.all_views or wish.is_selective)
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


def _named(client: "Client", text: str, *, project: str, all_of_it: bool) -> list[IndexedView]:
    """One view, or all of its repository: by the view's path, the repository's name, or the view's own name."""
    known = indexed_views(client.connection, project=project)
    paths = locations_of(text)
    one_view = sorted((one for one in known if one.root in paths), key=lambda one: paths.index(one.root))[:1]
    of_name = [one for one in known if one.name == text]
    if not one_view and not of_name:
        called_so = [one for one in known if one.view_name == text]
        one_view = called_so if len(called_so) == 1 else []
    if one_view and not all_of_it:
        return one_view
    repositories = {one.repository_id for one in one_view or of_name}
    if len(repositories) != 1:
        return [view_to_remove(client.connection, text, project=project)]  # which says what is wrong
    views = [one for one in known if one.repository_id in repositories]
    if len(views) > 1 and not all_of_it:
        shown = "".join(f"\n  {one.root}" for one in views[:MOST_SHOWN])
        more = f"\n  … and {len(views) - MOST_SHOWN:,} more" if len(views) > MOST_SHOWN else ""
        raise InvalidRequest(
            f"the repository {text} has {len(views):,} views. Give the path of one, or take all with --all-views:"
            f"{shown}{more}"
        )
    return views
