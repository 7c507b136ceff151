"""Which repositories a search looks into, and in which tables their chunks lie."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Final, Protocol

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


@dataclass(frozen=True, slots=True)
class SearchedRepository:
    """A repository that takes part in a search."""

    id: int
    name: str
    root: str
    embedding_model: str | None
    embedding_dimension: int | None
    model_id: int | None
    chunk_table: str | None
    last_indexed_at: datetime | None


@dataclass(frozen=True, slots=True)
class SearchedTable:
    """Repositories of a search whose chunks lie in one table and have vectors of one model: they are searched together,
    with the same statements."""

    name: str
    repositories: list[SearchedRepository]
    embedding_model: str | None
    embedding_dimension: int | None
    model_id: int | None

    @property
    def ids(self) -> list[int]:
        """The repositories' ids."""
        return [one.id for one in self.repositories]


COLUMNS: Final = "id, name, root, embedding_model, embedding_dimension, model_id, chunk_table, last_indexed_at"
CHOSEN: Final = (
    " from pgdex.repositories_status where project_id = %s"
    " and (%s::text is null or pgdex.names_repository(%s, root, name))"
)


def searched_repositories(connection: Connection, request: RepositoryChoice) -> list[SearchedRepository]:
    """Those of the request's project; with its `repo` only those that this names."""
    rows = connection.execute(f"select {COLUMNS}{CHOSEN} order by id", [request.project_id, request.repo, request.repo])
    return [SearchedRepository(*row) for row in rows]


def searched_models(connection: Connection, request: RepositoryChoice) -> list[str]:
    """The embedding models of those repositories."""
    rows = connection.execute(
        f"select distinct embedding_model{CHOSEN} and embedding_model is not null order by 1",
        [request.project_id, request.repo, request.repo],
    )
    return [row[0] for row in rows]


def repository_at(connection: Connection, request: RepositoryChoice) -> SearchedRepository | None:
    """The one whose folder the request names, if it is indexed."""
    row = connection.execute(
        f"select {COLUMNS} from pgdex.repositories_status where project_id = %s and root = %s",
        [request.project_id, request.repo],
    ).fetchone()
    return SearchedRepository(*row) if row is not None else None


def searched_tables(repositories: Sequence[SearchedRepository]) -> list[SearchedTable]:
    """The tables that a search of these repositories has to name. A repository that was never scanned is in none."""

    def place(one: SearchedRepository) -> tuple[str, int]:
        return one.chunk_table or "", one.model_id or 0

    tables = []
    for (name, _), together in groupby(sorted(repositories, key=place), key=place):
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
