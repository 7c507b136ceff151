"""What the filters have to do with an empty answer: which of them matches no file, and what would."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, Final

import psycopg

from pgdex.indexer.search.filters import Filters, Scope
from pgdex.indexer.search.views import SearchedView

Connection = psycopg.Connection[tuple[Any, ...]]

MOST_NAMED: Final = 5
# Looking for a similar folder reads every path once.
MOST_PATHS: Final = 50_000


def notes_on_nothing(
    connection: Connection,
    filters: Filters,
    views: Sequence[SearchedView],
    scopes: Sequence[Scope],
) -> list[str]:
    """Sentences about filters of a search that found nothing; none where there are no filters, or no views."""
    if not views or not (filters.narrows_files or filters.kinds):
        return []
    if not filters.narrows_files:
        return [
            f"only chunks of the kind {_listed(filters.kinds)} were searched: without that filter there may be more"
        ]
    left = sum(scope.files for scope in scopes)
    if left:
        files = "1 file" if left == 1 else f"{left:,} files"
        kinds = f", and only chunks of the kind {_listed(filters.kinds)}" if filters.kinds else ""
        return [f"only the {files} that the filters leave were searched{kinds}: without them there may be more"]
    ids = [view.id for view in views]
    notes = []
    if filters.path_glob is not None and not _leaves(connection, Filters.of(path_glob=filters.path_glob), views):
        notes.append(_on_path(connection, filters.path_glob, views, ids))
    if filters.language is not None and not _leaves(connection, Filters.of(language=filters.language), views):
        known = _languages(connection, ids)
        notes.append(f"no indexed file is in {filters.language}; there are files in {_listed(known) or 'no language'}")
    if notes:
        return notes
    given = [
        f"path {filters.path_glob!r}" if filters.path_glob is not None else "",
        f"language {filters.language}" if filters.language is not None else "",
        {"out": "no tests", "only": "tests only"}.get(filters.tests, ""),
    ]
    return [f"no indexed file matches the filters: {', '.join(filter(None, given))}"]


def _leaves(connection: Connection, filters: Filters, views: Sequence[SearchedView]) -> bool:
    return not filters.within(connection, views, ignoring_case=True).is_empty


def _on_path(connection: Connection, glob: str, views: Sequence[SearchedView], ids: Sequence[int]) -> str:
    note = f"no indexed file matches the path filter {glob!r}"
    stripped = glob.strip("/")
    if glob.startswith("/"):
        roots = [one.root for one in views]
        below = next((glob.removeprefix(root) for root in roots if glob.startswith(f"{root}/")), None)
        if below is None:
            return f"{note}: as an absolute path it lies outside of {_listed(roots)}"
        stripped = below.strip("/")
    if "/" in stripped and "," not in glob and _leaves(connection, Filters.of(path_glob=f"**/{stripped}"), views):
        return f"{note}: it begins at the repository's root. '**/{stripped}' matches files"
    similar = get_close_matches(stripped, _names(connection, ids), n=3, cutoff=0.75) if "*" not in glob else []
    return f"{note}; similar are {_listed(similar)}" if similar else note


def _names(connection: Connection, ids: Sequence[int]) -> list[str]:
    """The names of files and folders, and the paths of folders."""
    rows = connection.execute(
        "select path from pgdex.view_files where view_id = any(%s) and skip_reason is null limit %s",
        [list(ids), MOST_PATHS],
    )
    names: set[str] = set()
    for (path,) in rows:
        folder, _, name = path.rpartition("/")
        names.add(name)
        while folder and folder not in names:
            names.update((folder, folder.rpartition("/")[2]))
            folder = folder.rpartition("/")[0]
    return sorted(names)


def _languages(connection: Connection, ids: Sequence[int]) -> list[str]:
    rows = connection.execute(
        "select v.language from pgdex.view_files e join pgdex.versions v on v.id = e.version_id"
        " where e.view_id = any(%s) and e.skip_reason is null and v.language is not null"
        " group by 1 order by count(*) desc, 1",
        [list(ids)],
    )
    return [row[0] for row in rows]


def _listed(names: Sequence[str] | None) -> str:
    shown = list(names or ())[:MOST_NAMED]
    more = len(names or ()) - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more > 0 else "")
