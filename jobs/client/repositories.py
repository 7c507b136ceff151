"""What is in the index: which repositories, which of them is meant, which of their files are left out and why, and how
old files are."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import LiteralString

from psycopg.rows import class_row

from pgdex.jobs.client.models import IndexedRepository, JobStatus, OutdatedVectors, SkippedFile, StoredFile
from pgdex.jobs.database.connection import Connection


def project_exists(connection: Connection, project: str) -> bool:
    """Whether anything was ever asked for in the project."""
    query = "select exists (select from pgdex.repositories where project_id = %s)"
    row = connection.execute(query, [project]).fetchone()
    return bool(row and row[0])


def indexed_repositories(connection: Connection, *, project: str) -> list[IndexedRepository]:
    """The repositories of a project, by their paths."""
    return _repositories(connection, "project_id = %(project)s", project=project)


def named_repositories(
    connection: Connection, text: str, *, project: str | None, whole: bool = False
) -> list[IndexedRepository]:
    """The repositories that `text` names, of a project or of all, by their paths: the one at that path, those below it,
    those with it in their name; with `whole` only those whose path or name it is."""
    return _repositories(
        connection,
        "(%(project)s::text is null or project_id = %(project)s)"
        " and pgdex.names_repository(%(text)s, root, name, whole => %(whole)s)",
        project=project,
        text=text,
        whole=whole,
    )


def innermost_repository(connection: Connection, folders: Iterable[str], *, project: str) -> IndexedRepository | None:
    """The repository that something lies in: `folders` are those around it, from the inside to the outside."""
    around = list(folders)
    found = _repositories(
        connection, "project_id = %(project)s and root = any(%(roots)s)", project=project, roots=around
    )
    return min(found, key=lambda one: around.index(one.root), default=None)


def repositories_around(connection: Connection, folder: Path) -> list[tuple[str, Path]]:
    """The repositories of all projects that `folder` (a real path) lies in, is, or has below it: projects and roots."""
    rows = connection.execute(
        "select project_id, root from pgdex.repositories_status"
        " where root = any(%(around)s) or starts_with(root, %(below)s) order by root, project_id",
        {"around": [str(folder), *map(str, folder.parents)], "below": f"{str(folder).rstrip('/')}/"},
    )
    return [(project, Path(root)) for project, root in rows.fetchall()]


def _repositories(connection: Connection, condition: LiteralString, **values: object) -> list[IndexedRepository]:
    with connection.cursor(row_factory=class_row(IndexedRepository)) as cursor:
        cursor.execute(
            f"select id, name, root, last_indexed_at from pgdex.repositories_status where {condition} order by root",
            values,
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
    connection: Connection, repository_ids: Sequence[int], *, reasons: Sequence[str]
) -> dict[str, dict[str, int]]:
    """How many files of each repository, by its root, are left out for which of the reasons."""
    rows = connection.execute(
        "select r.root, f.skip_reason, count(*) from pgdex.files f"
        " join pgdex.repositories r on r.id = f.repository_id"
        " where f.repository_id = any(%s) and f.skip_reason = any(%s) group by 1, 2 order by 1, 3 desc, 2",
        [list(repository_ids), list(reasons)],
    )
    found: dict[str, dict[str, int]] = {}
    for root, reason, count in rows:
        found.setdefault(root, {})[reason] = count
    return found


def outdated_vectors(connection: Connection, repository_ids: Sequence[int]) -> list[OutdatedVectors]:
    """The repositories whose change to another embedding model has not reached all files.

    Files are only counted where a change was begun and not brought to its end: that is noted with the repository.
    """
    with connection.cursor(row_factory=class_row(OutdatedVectors)) as cursor:
        cursor.execute(
            "select r.root, r.embedding_model, count(*) as files,"
            " count(*) filter (where f.model_id is distinct from r.model_id) as outdated"
            " from pgdex.repositories r join pgdex.files f on f.repository_id = r.id and f.chunks > 0"
            " where r.id = any(%s) and r.has_older_vectors group by r.id order by r.root",
            [list(repository_ids)],
        )
        return [found for found in cursor.fetchall() if found.outdated]


def stored_files(connection: Connection, keys: Sequence[tuple[str, str]], *, project: str) -> list[StoredFile]:
    """What the index knows of the files that `keys` names by repository path and path."""
    with connection.cursor(row_factory=class_row(StoredFile)) as cursor:
        cursor.execute(
            "select r.root as repo_path, f.path, f.size, f.mtime_ns, f.content_hash"
            " from unnest(%s::text[], %s::text[]) as k (root, path)"
            " join pgdex.repositories r on r.root = k.root and r.project_id = %s and r.removed_at is null"
            " join pgdex.files f on f.repository_id = r.id and f.path = k.path",
            [[root for root, _ in keys], [path for _, path in keys], project],
        )
        return cursor.fetchall()
