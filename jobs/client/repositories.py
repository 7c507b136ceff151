"""The repositories of a project with their views: what they hold, what is shared, what is gone."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

from pgdex.jobs.client.freshness import gone_roots
from pgdex.jobs.client.models import IndexedRepository, RepositoryPage, ViewSummary
from pgdex.jobs.client.views import named_views
from pgdex.jobs.errors import InvalidRequest

if TYPE_CHECKING:
    from uuid import UUID

    from pgdex.jobs.client.client import Client

MOST_VIEWS = 20
"""Of each repository, unless someone asks for one: each view's files are counted, and its folder is looked for."""
MOST_NAMED_VIEWS = 1000

MATCHING = """
    pgdex.repositories r left join pgdex.views d on d.repository_id = r.id and d.is_default
    where r.removed_at is null and r.project_id = %(project)s
        and (%(chosen)s::bigint[] is null or r.id = any(%(chosen)s))
"""
PAGE = f"""
    select r.id from {MATCHING}
    order by lower(r.name), d.root, r.id limit %(limit)s + 1 offset %(offset)s
"""
COUNT = f"select count(*) from {MATCHING}"
REPOSITORIES = """
    select
        s.id, s.name, s.project_id, s.embedding_model, s.chunks, s.created_at, s.last_indexed_at,
        s.views as views_total,
        z.versions, z.source_bytes, z.versions_shared, z.shared_source_bytes, z.versions_unused, z.unused_source_bytes,
        z.bytes_on_disk, z.is_estimate as bytes_on_disk_is_estimate
    from pgdex.repositories_status s
    join pgdex.repository_sizes(%(ids)s) z on z.repository_id = s.id
    where s.id = any(%(ids)s)
"""
# Which views are shown is decided before their files are counted.
VIEWS = """
    select
        s.repository_id, s.id, s.view_name as name, s.location as root, s.ref, s.kind, s.branch, s.is_default, s.files,
        s.files_skipped, s.chunks, s.bytes, s.created_at, s.last_indexed_at, s.last_job_id, s.last_job_status,
        s.last_job_at, s.live_job_id, s.live_job_status, s.missing_since,
        c.expression as schedule, coalesce(c.failures, 0) as schedule_failures, c.error as schedule_error,
        array(
            select m.parent_id from pgdex.submodules m where m.view_id = s.id order by m.parent_id
        ) as submodule_of
    from unnest(%(ids)s::bigint[]) as page (id)
    cross join lateral (
        select v.id from pgdex.views v
        where v.repository_id = page.id and v.removed_at is null
        order by v.is_default desc, v.root limit %(most)s
    ) as shown
    join pgdex.views_status s on s.id = shown.id
    left join pgdex.schedules c on c.view_id = s.id
    order by s.is_default desc, s.root
"""
LAST_FAILED = """
    select last_job_id from pgdex.views_status
    where project_id = %s and live_job_id is null and last_job_status = 'failed' order by root
"""


def repository_page(
    client: "Client", *, project: str, repo: str | None = None, limit: int = 50, offset: int = 0
) -> RepositoryPage:
    """The repositories of a project by name, of those that `repo` names (see named_views) or of all.

    Reads the versions of those on the page and nothing of the others. Of each at most MOST_VIEWS views are shown, or of
    those that `repo` names MOST_NAMED_VIEWS. Raises InvalidRequest.
    """
    if not 1 <= limit <= 1000 or offset < 0:
        raise InvalidRequest(f"limit must be 1 to 1000 and offset not negative, got {limit} and {offset}")
    chosen = None
    if repo is not None:
        chosen = sorted({one.repository_id for one in named_views(client.connection, repo, project=project)})
    values: dict[str, Any] = {"project": project, "chosen": chosen, "limit": limit, "offset": offset}
    found = [row[0] for row in client.connection.execute(PAGE, values).fetchall()]
    counted = client.connection.execute(COUNT, values).fetchone()
    ids, has_more = found[:limit], len(found) > limit
    return RepositoryPage(
        repositories=_repositories(client, ids, most_views=MOST_VIEWS if repo is None else MOST_NAMED_VIEWS),
        total_count=counted[0] if counted else 0,
        has_more=has_more,
    )


def last_failed_jobs(client: "Client", *, project: str) -> "list[UUID]":
    """The jobs of a project that failed and were the last ones of their views."""
    return [row[0] for row in client.connection.execute(LAST_FAILED, [project]).fetchall()]


def _repositories(client: "Client", ids: Sequence[int], *, most_views: int) -> list[IndexedRepository]:
    with client.connection.cursor(row_factory=dict_row) as cursor:
        views = cursor.execute(VIEWS, {"ids": list(ids), "most": most_views}).fetchall()
        repositories = cursor.execute(REPOSITORIES, {"ids": list(ids)}).fetchall()
    gone = gone_roots(client, {view["root"] for view in views if not view["ref"]})
    by_repository: dict[int, list[ViewSummary]] = {one: [] for one in ids}
    for view in views:
        is_folder = not view.pop("ref")
        said_missing = view["missing_since"] is not None and not os.path.lexists(view["root"])
        missing = is_folder and (view["root"] in gone or said_missing)
        by_repository[view.pop("repository_id")].append(ViewSummary(**view, missing=missing))
    made = {row["id"]: IndexedRepository(**row, views=by_repository[row["id"]]) for row in repositories}
    return [made[one] for one in ids if one in made]
