"""Checks of what searches read: vector indexes that can't be built, removed repositories that are still there."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pgdex.jobs.cli.diagnosis.checks import Check, ok, warning
from pgdex.jobs.cli.render.text import count, printable

if TYPE_CHECKING:
    from pgdex.jobs.database.connection import Connection

FAILED = """
    select coalesce(v.root, r.name), b.failures, b.error from pgdex.vector_index_builds b
    join pgdex.repositories r on r.id = b.repository_id and r.removed_at is null
    left join pgdex.views v on v.repository_id = r.id and v.is_default
    order by b.failures desc, 1
"""
LEFT = "select count(*) from pgdex.views where removed_at is not null"


def index_checks(connection: "Connection") -> Iterator[Check]:
    """A warning for each vector index whose last build failed, and for what removed repositories have left."""
    failed = connection.execute(FAILED).fetchall()
    for root, failures, error in failed:
        yield warning(
            "index",
            f"the vector index of {printable(root)} could not be built ({count(failures, 'attempt')}): "
            f"{printable(error or 'no reason given')}",
            "Searches are exact and slower until it is. Workers try again after 30 s to an hour.",
        )
    row = connection.execute(LEFT).fetchone()
    left = row[0] if row else 0
    if left:
        yield warning(
            "index",
            f"{count(left, 'removed repository still has', 'removed repositories still have')} rows in the database",
            "A worker deletes them within a minute, unless another transaction (a backup) has their tables open.",
        )
    if not failed and not left:
        yield ok("index", "no vector index failed to build, nothing is left of removed repositories")
