"""What is in the index: which views of which repositories, which of them is meant, which of their files are left out
and why, and how old files are."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, LiteralString

from psycopg.rows import class_row

from pgdex.jobs.client.models import IndexedView, JobStatus, OutdatedVectors, SkippedFile, StoredFile
from pgdex.jobs.database.connection import Connection

if TYPE_CHECKING:
    from pgdex.indexer.search import RelatedRequest, SearchRequest


def project_exists(connection: Connection, project: str) -> bool:
    """Whether anything was ever asked for in the project."""
    query = "select exists (select from pgdex.repositories where project_id = %s)"
    row = connection.execute(query, [project]).fetchone()
    return bool(row and row[0])


def indexed_views(connection: Connection, *, project: str) -> list[IndexedView]:
    """The views of a project, by their paths."""
    return _views(connection, "project_id = %(project)s", project=project)


def named_views(connection: Connection, text: str, *, project: str | None, whole: bool = False) -> list[IndexedView]:
    """The views that `text` names, of a project or of all, by their paths: the one at that path, those below it, those
    whose repository has it in its name; with `whole` only those whose path or name it is."""
    return _views(
        connection,
        "(%(project)s::text is null or project_id = %(project)s)"
        " and (pgdex.names_repository(%(text)s, location, name, whole => %(whole)s)"
        " or pgdex.names_repository(%(text)s, location, view_name, whole => %(whole)s))",
        project=project,
        text=text,
        whole=whole,
    )


def innermost_view(connection: Connection, folders: Iterable[str], *, project: str) -> IndexedView | None:
    """The view that something lies in: `folders` are those around it, from the inside to the outside."""
    around = list(folders)
    found = _views(
        connection, "project_id = %(project)s and ref = '' and root = any(%(roots)s)", project=project, roots=around
    )
    return min(found, key=lambda one: around.index(one.root), default=None)


def views_around(connection: Connection, folder: Path) -> list[tuple[str, Path]]:
    """The folders that are indexed, of all projects, that `folder` (a real path) lies in, is, or has below it: projects
    and roots."""
    rows = connection.execute(
        "select project_id, root from pgdex.views_status"
        " where ref = '' and (root = any(%(around)s) or starts_with(root, %(below)s)) order by root, project_id",
        {"around": [str(folder), *map(str, folder.parents)], "below": f"{str(folder).rstrip('/')}/"},
    )
    return [(project, Path(root)) for project, root in rows.fetchall()]


def default_view_of_family(connection: Connection, identity: str, *, project: str) -> IndexedView | None:
    """The default view of the repository with a git history (`GitTree.history`), if a project has it."""
    found = _views(
        connection,
        "project_id = %(project)s and is_default and repository_id in ("
        "select id from pgdex.repositories where project_id = %(project)s and identity = %(identity)s"
        " and removed_at is null)",
        project=project,
        identity=identity,
    )
    return found[0] if found else None


def only_view(connection: Connection, request: "SearchRequest | RelatedRequest") -> IndexedView | None:
    """The view that a search will look into, where it is only one."""
    from pgdex.indexer.search.views import searched_views

    if request.repo is None and request.view is None:
        found = _views(connection, "project_id = %(project)s and is_default", project=request.project_id, limit=2)
    else:
        ids = [view.id for view in searched_views(connection, request)]
        found = _views(connection, "id = any(%(ids)s)", ids=ids) if len(ids) == 1 else []
    return found[0] if len(found) == 1 else None


def _views(
    connection: Connection, condition: LiteralString, *, limit: int | None = None, **values: object
) -> list[IndexedView]:
    with connection.cursor(row_factory=class_row(IndexedView)) as cursor:
        cursor.execute(
            "select id, repository_id, name, view_name, location as root, ref, is_default, live_job_id, last_indexed_at"
            f" from pgdex.views_status where {condition} order by location limit %(limit)s",
            {**values, "limit": limit},
        )
        return cursor.fetchall()


def skipped_files(
    connection: Connection, *, project: str, repo_path: str | None = None, reason: str | None = None
) -> Iterator[SkippedFile]:
    """Files that are known but not searchable, by path."""
    with connection.cursor(row_factory=class_row(SkippedFile)) as cursor:
        cursor.execute(
            "select path, skip_reason, skip_detail, size, repo_path from pgdex.skipped_files"
            " where project_id = %(project)s and (%(root)s::text is null or repo_path = %(root)s)"
            " and (%(reason)s::text is null or skip_reason = %(reason)s) order by repo_path, path",
            {"project": project, "root": repo_path, "reason": reason},
        )
        yield from cursor


def skip_reasons(connection: Connection, job: JobStatus) -> dict[str, int]:
    """How many files of the job's repository are left out for which reason, most frequent first: by its summary, or by
    what is stored now."""
    if not job.files_skipped:
        return {}
    counted = (job.summary or {}).get("skipped_by_reason")
    if counted is None:
        counted = dict(
            connection.execute(
                "select skip_reason, count(*) from pgdex.skipped_files"
                " where project_id = %s and repo_path = %s group by skip_reason",
                [job.project_id, job.repo_path],
            ).fetchall()
        )
    return dict(sorted(counted.items(), key=lambda entry: (-entry[1], entry[0])))


def missed_files(
    connection: Connection, view_ids: Sequence[int], *, reasons: Sequence[str]
) -> dict[str, dict[str, int]]:
    """How many files of each view, by its root, are left out for which of the reasons."""
    rows = connection.execute(
        "select pgdex.view_location(v.root, v.ref), e.skip_reason, count(*)"
        " from pgdex.view_files e join pgdex.views v on v.id = e.view_id"
        " where e.view_id = any(%s) and e.skip_reason = any(%s) group by 1, 2 order by 1, 3 desc, 2",
        [list(view_ids), list(reasons)],
    )
    found: dict[str, dict[str, int]] = {}
    for root, reason, count in rows:
        found.setdefault(root, {})[reason] = count
    return found


def outdated_vectors(connection: Connection, view_ids: Sequence[int]) -> list[OutdatedVectors]:
    """The views whose change to another embedding model has not reached all files.

    Files are only counted where a change was begun and not brought to its end: that is noted with the repository.
    """
    with connection.cursor(row_factory=class_row(OutdatedVectors)) as cursor:
        cursor.execute(
            "select pgdex.view_location(v.root, v.ref) as root, r.embedding_model, count(*) as files,"
            " count(*) filter (where w.model_id is distinct from r.model_id) as outdated"
            " from pgdex.views v join pgdex.repositories r on r.id = v.repository_id and r.has_older_vectors"
            " join pgdex.view_files e on e.view_id = v.id join pgdex.versions w on w.id = e.version_id and w.chunks > 0"
            " where v.id = any(%s) group by v.id, r.id order by v.root",
            [list(view_ids)],
        )
        return [found for found in cursor.fetchall() if found.outdated]


def stored_files(connection: Connection, keys: Sequence[tuple[str, str]], *, project: str) -> list[StoredFile]:
    """What the index knows of the files that `keys` names by repository path and path."""
    with connection.cursor(row_factory=class_row(StoredFile)) as cursor:
        cursor.execute(
            "select v.root as repo_path, e.path, e.size, e.mtime_ns, e.ctime_ns, w.content_hash"
            " from unnest(%s::text[], %s::text[]) as k (root, path)"
            " join pgdex.views v on v.root = k.root and v.ref = '' and v.project_id = %s and v.removed_at is null"
            " join pgdex.view_files e on e.view_id = v.id and e.path = k.path"
            " join pgdex.versions w on w.id = e.version_id",
            [[root for root, _ in keys], [path for _, path in keys], project],
        )
        return cursor.fetchall()
