"""Checks of the folders that are indexed: are they still there, and still what they were?"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pgdex.jobs.cli.diagnosis.checks import Check, ok, warning
from pgdex.jobs.cli.render.text import count, printable
from pgdex.jobs.repository_path import is_gone

if TYPE_CHECKING:
    from pgdex.jobs.database.connection import Connection
    from pgdex.jobs.settings import Settings

MOST_LOOKED_AT = 2_000  # each look takes some microseconds, and on a network file system a millisecond
MOST_NAMED = 3
USUAL_PROJECT = "default"
VIEWS = """
    select project_id, root, missing_since is not null from pgdex.views
    where removed_at is null and ref = '' order by missing_since is null, project_id, root
"""
STRANGERS = """
    select v.root, v.identity, r.name, r.identity from pgdex.views v join pgdex.repositories r on r.id = v.repository_id
    where v.removed_at is null and v.ref = '' and v.identity <> r.identity order by v.project_id, v.root
"""


def views_checks(connection: "Connection", settings: "Settings") -> Iterator[Check]:
    """A warning for each project with views whose folder is gone, as this machine sees it or as all workers said, and
    for each folder whose last scan found another git history there than its repository's."""
    views = connection.execute(VIEWS).fetchall()
    is_local = settings.database_url is None
    gone: dict[str, list[str]] = {}
    elsewhere: dict[str, list[str]] = {}
    for project, root, said_missing in views[:MOST_LOOKED_AT]:
        if is_gone(root, is_local=is_local):
            gone.setdefault(project, []).append(root)
        elif said_missing:
            elsewhere.setdefault(project, []).append(root)
    for project, roots in gone.items():
        of_project = "" if project == USUAL_PROJECT else f" --project {project}"
        yield warning(
            "views",
            f"{count(len(roots), 'indexed folder is', 'indexed folders are')} gone: {_named(roots)}",
            f"To remove what is gone from the index: pgdex remove --missing{of_project}",
        )
    for roots in elsewhere.values():
        yield warning(
            "views",
            f"the workers could not find {count(len(roots), 'indexed folder')}: {_named(roots)}",
            "If it is gone for good: pgdex remove PATH. If not, `pgdex index PATH` finds it again.",
        )
    for root, identity, name, expected in connection.execute(STRANGERS).fetchall():
        yield warning(
            "views",
            f"{printable(root)} is of {printable(identity)}, and its repository {printable(name)} of"
            f" {printable(expected)}",
            "If the remote has a new address, index the repository's other folders again. If something else is there"
            " now, `pgdex remove` the folder and index it again: it becomes a repository of its own.",
        )
    if not gone and not elsewhere:
        left = len(views) - MOST_LOOKED_AT
        cut = f" (the first {MOST_LOOKED_AT:,} were checked)" if left > 0 else ""
        yield ok("views", f"{count(len(views), 'indexed folder')}, none known to be gone{cut}")


def _named(roots: list[str]) -> str:
    named = ", ".join(printable(root) for root in roots[:MOST_NAMED])
    return f"{named}, …" if len(roots) > MOST_NAMED else named
