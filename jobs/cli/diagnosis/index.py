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
# Workers delete them, a minute after they are removed or when the next one is started: who has had an hour and is alive
# is kept from it.
LEFT = """
    select count(*), bool_or(removed_at < clock_timestamp() - interval '1 hour')
        and exists (select from pgdex.worker_status where alive)
    from pgdex.views where removed_at is not null
"""


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
    left, is_stuck = row or (0, False)
    remains = f"{count(left, 'removed repository still has', 'removed repositories still have')} rows in the database"
    if is_stuck:
        yield warning(
            "index",
            f"{remains}, for more than an hour",
            "Workers delete them unless another transaction (a backup, a forgotten session) has their tables open.",
        )
    elif left and not failed:
        yield ok("index", f"no vector index failed to build; {remains} until a worker deletes them")
    elif not failed:
        yield ok("index", "no vector index failed to build, nothing is left of removed repositories")
