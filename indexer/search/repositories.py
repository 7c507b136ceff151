"""Which repositories a search looks into, in which tables their chunks lie, and what is to be said about how much of
them is indexed."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

import psycopg

Connection = psycopg.Connection[tuple[Any, ...]]


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
    live_status: str | None


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


CHOSEN: Final = (
    " from pgdex.repositories r where r.project_id = %(project)s and r.removed_at is null and (%(repo)s::text is null"
    " or r.root = %(repo)s or starts_with(r.root, rtrim(%(repo)s, '/') || '/')"
    " or strpos(lower(r.name), lower(%(repo)s)) > 0)"
)


def searched_repositories(connection: Connection, *, project_id: str, repo: str | None) -> list[SearchedRepository]:
    """Those of a project; with `repo` only the one with that root, those below it, or with it in their name."""
    rows = connection.execute(
        "select r.id, r.name, r.root, r.embedding_model, r.embedding_dimension, r.model_id, r.chunk_table,"
        " (select j.status from pgdex.indexing_jobs j"
        "  where j.repository_id = r.id and pgdex.is_live(j.status))"
        f"{CHOSEN} order by r.id",
        {"project": project_id, "repo": repo},
    )
    return [SearchedRepository(*row) for row in rows]


def searched_models(connection: Connection, *, project_id: str, repo: str | None) -> list[str]:
    """The embedding models of those repositories."""
    rows = connection.execute(
        f"select distinct r.embedding_model {CHOSEN} and r.embedding_model is not null order by 1",
        {"project": project_id, "repo": repo},
    )
    return [row[0] for row in rows]


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


def live_notes(repositories: Sequence[SearchedRepository]) -> list[str]:
    """Which of the repositories are being indexed now."""
    return [
        f"{repository.root} is being indexed ({repository.live_status}): the answers may be incomplete"
        for repository in repositories
        if repository.live_status is not None
    ]
