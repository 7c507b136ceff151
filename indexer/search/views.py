"""Which views a search looks into, at most one of each repository, and in which tables their chunks lie."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Final, LiteralString, Protocol

import psycopg

Connection = psycopg.Connection[tuple[Any, ...]]


class RepositoryChoice(Protocol):
    """What a request says of the repositories that it is about."""

    @property
    def project_id(self) -> str:
        """The project that they belong to."""

    @property
    def repo(self) -> str | None:
        """A path, a folder above, or a part of a name; None for all of the project."""

    @property
    def view(self) -> str | None:
        """The name, the branch or the path of a view; None for the default view of each repository."""


@dataclass(frozen=True, slots=True)
class SearchedView:
    """A view that takes part in a search, with what its repository is like."""

    id: int
    repository_id: int
    name: str
    root: str
    embedding_model: str | None
    embedding_dimension: int | None
    model_id: int | None
    chunk_table: str | None
    last_indexed_at: datetime | None
    branch: str | None
    ref: str
    """Empty for working files, which may change while nobody asks; else what of a git repository it is."""


@dataclass(frozen=True, slots=True)
class SearchedTable:
    """Views of a search whose chunks lie in one table and have vectors of one model: they are searched together, with
    the same statements."""

    name: str
    views: list[SearchedView]
    embedding_model: str | None
    embedding_dimension: int | None
    model_id: int | None

    @property
    def repository_ids(self) -> list[int]:
        """The ids of the views' repositories."""
        return [one.repository_id for one in self.views]

    @property
    def view_ids(self) -> list[int]:
        """The views' ids."""
        return [one.id for one in self.views]


COLUMNS: Final = (
    "id, repository_id, name, location, embedding_model, embedding_dimension, model_id, chunk_table, last_indexed_at,"
    " branch, ref"
)
# The view that is named best, of each repository; a view that was removed meanwhile, or is gone from the disk, last.
CHOSEN: Final = (
    " from (select distinct on (repository_id) * from pgdex.views_status where project_id = %(project)s"
    " and (%(repo)s::text is null or pgdex.names_repository(%(repo)s, location, name)"
    " or pgdex.names_repository(%(repo)s, location, view_name))"
    " and (%(view)s::text is null or %(view)s in (view_name, branch, location))"
    " order by repository_id, location = %(repo)s desc nulls last, is_default desc, missing_since is not null, id)"
    " as chosen"
)
# As above, where nothing but the project is asked for: an index has these rows. A view whose first job failed (there is
# no such branch) has nothing to find, and would be in the notes of every search.
DEFAULTS: Final = (
    " from pgdex.views_status s where project_id = %(project)s and is_default"
    " and (last_indexed_at is not null or live_job_id is not null"
    " or exists (select from pgdex.view_files e where e.view_id = s.id))"
)


def searched_views(connection: Connection, request: RepositoryChoice) -> list[SearchedView]:
    """Those of the request's project, at most one of each repository; with its `repo` only of those that this names."""
    if request.repo is not None and request.view is None and (exactly := view_at(connection, request)) is not None:
        return [exactly]  # and not what is indexed below it as well: that is a part of it
    rows = connection.execute(f"select {COLUMNS}{_chosen(request)} order by repository_id", _values(request))
    return [SearchedView(*row) for row in rows]


def searched_models(connection: Connection, request: RepositoryChoice) -> list[str]:
    """The embedding models of those views' repositories."""
    if request.repo is not None or request.view is not None:
        chosen = searched_views(connection, request)
        return sorted({view.embedding_model for view in chosen if view.embedding_model is not None})
    rows = connection.execute(
        f"select distinct embedding_model from (select embedding_model{DEFAULTS}) as models"
        " where embedding_model is not null order by 1",
        _values(request),
    )
    return [row[0] for row in rows]


def view_at(connection: Connection, request: RepositoryChoice) -> SearchedView | None:
    """The one whose folder the request names, if it is indexed."""
    location = request.repo or ""
    # By the root, which is what an index has: all of the location, or what stands before an @ in it.
    roots = [location, *(location[:place] for place, letter in enumerate(location) if letter == "@")]
    row = connection.execute(
        f"select {COLUMNS} from pgdex.views_status"
        " where project_id = %(project)s and location = %(repo)s and root = any(%(roots)s)",
        {**_values(request), "roots": roots},
    ).fetchone()
    return SearchedView(*row) if row is not None else None


def _chosen(request: RepositoryChoice) -> LiteralString:
    return DEFAULTS if request.repo is None and request.view is None else CHOSEN


def _values(request: RepositoryChoice) -> dict[str, str | None]:
    return {"project": request.project_id, "repo": request.repo, "view": request.view}


def searched_tables(views: Sequence[SearchedView]) -> list[SearchedTable]:
    """The tables that a search of these views has to name. A view that was never scanned is in none."""

    def place(one: SearchedView) -> tuple[str, int]:
        return one.chunk_table or "", one.model_id or 0

    tables = []
    for (name, _), together in groupby(sorted(views, key=place), key=place):
        if name:
            members = list(together)
            tables.append(
                SearchedTable(
                    name,
                    members,
                    members[0].embedding_model,
                    members[0].embedding_dimension,
                    members[0].model_id,
                )
            )
    return tables
