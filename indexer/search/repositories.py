"""Which repositories a search looks into, and what is to be said about how much of them is indexed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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
    live_status: str | None


def searched_repositories(connection: Connection, *, project_id: str, repo: str | None) -> list[SearchedRepository]:
    """Those of a project; with `repo` only the one with that root, those below it, or with it in their name."""
    rows = connection.execute(
        "select r.id, r.name, r.root, r.embedding_model, r.embedding_dimension, r.model_id,"
        " (select j.status from pgdex.indexing_jobs j"
        "  where j.repository_id = r.id and j.status in ('pending', 'running', 'blocked'))"
        " from pgdex.repositories r where r.project_id = %(project)s and (%(repo)s::text is null"
        " or r.root = %(repo)s or starts_with(r.root, rtrim(%(repo)s, '/') || '/')"
        " or strpos(lower(r.name), lower(%(repo)s)) > 0) order by r.id",
        {"project": project_id, "repo": repo},
    )
    return [SearchedRepository(*row) for row in rows]


def live_notes(repositories: Sequence[SearchedRepository]) -> list[str]:
    """Which of the repositories are being indexed now."""
    return [
        f"{repository.root} is being indexed ({repository.live_status}): the answers may be incomplete"
        for repository in repositories
        if repository.live_status is not None
    ]
