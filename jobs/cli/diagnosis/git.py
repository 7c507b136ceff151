"""Checks of what git sources need on this machine: a git that can be used, and room for the mirrors."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pgdex.jobs.cli.diagnosis.checks import Check, ok, warning
from pgdex.jobs.cli.render.text import count, size

if TYPE_CHECKING:
    from pgdex.jobs.database.connection import Connection
    from pgdex.jobs.settings import Settings

SOURCES = "select count(*) from pgdex.views where removed_at is null and ref <> ''"


def git_check(connection: "Connection") -> Check:
    """Whether this machine's git can fetch; without one all is well as long as no git source is indexed."""
    from pgdex.indexer.git import Git, GitError

    row = connection.execute(SOURCES).fetchone()
    sources = row[0] if row else 0
    try:
        git = Git.find()
    except GitError as error:
        if not sources:
            return ok("git", f"no usable git, and no git source is indexed ({error})")
        return warning(
            "git",
            f"{error}; {count(sources, 'git source is', 'git sources are')} indexed",
            "Workers on this machine leave git sources to others. Install a newer git here so that they take part.",
        )
    version = ".".join(map(str, git.version))
    return ok("git", f"{version} at {git.path}; {count(sources, 'git source')} indexed")


def mirrors_checks(settings: "Settings") -> Iterator[Check]:
    """How much of its limit the mirrors' folder takes; nothing where there is none."""
    folder = settings.home / "mirrors"
    if not os.path.isdir(folder):
        return
    from pgdex.jobs.batches.commits import mirrors_of

    number, taken = mirrors_of(settings).taken()
    finding = f"{count(number, 'mirror')} in {folder}, {size(taken)} of {size(settings.mirror_bytes)}"
    if taken <= settings.mirror_bytes:
        yield ok("mirrors", finding)
    else:
        yield warning(
            "mirrors",
            finding,
            "Mirrors in use may exceed the limit (PGDEX_MIRROR_BYTES); raise it if the same repositories are fetched "
            "over and over.",
        )
