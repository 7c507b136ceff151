"""Asking the database for names while somebody waits for Tab: only if it runs, and only for a moment."""

import os
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, Any, LiteralString

if TYPE_CHECKING:
    from pgdex.jobs.settings import Settings

SECONDS = 0.2
"""For connecting and the answer; more is felt as a hang."""


def rows(query: LiteralString, values: dict[str, Any], *, project: str | None) -> list[tuple[Any, ...]]:
    """The rows of `query`, in which %(project)s is the project that `project` or the present folder chooses; none where
    the database does not run, does not answer in time, or has no such tables."""
    found: list[tuple[Any, ...]] = []

    def ask() -> None:
        with suppress(Exception):  # whatever is wrong, a command that is run will say it
            found.extend(_asked(query, values, project=project))

    import psycopg  # its import is not the database's fault

    del psycopg
    asking = Thread(target=ask, daemon=True)
    asking.start()
    asking.join(SECONDS)
    return list(found)


def _asked(query: LiteralString, values: dict[str, Any], *, project: str | None) -> list[tuple[Any, ...]]:
    from pathlib import Path

    import psycopg

    from pgdex.jobs.client.projects import resolve_project
    from pgdex.jobs.settings import settings

    configured = settings()
    url = _url(configured)
    if url is None:
        return []
    chosen = resolve_project(configured, argument=project, folder=Path(os.getcwd())).id
    with psycopg.connect(url, autocommit=True, connect_timeout=2, application_name="pgdex completion") as connection:
        return connection.execute(query, {"project": chosen, **values}).fetchall()


def _url(configured: "Settings") -> str | None:
    """The database's address; of the embedded server only where something of ours may listen."""
    from pgdex.jobs.database.libpq_environment import forget_libpq_variables

    forget_libpq_variables(embedded=configured.database_url is None)
    if configured.database_url is not None:
        return configured.database_url.get_secret_value()
    from pgdex.jobs.database.embedded.paths import HomePaths
    from pgdex.jobs.database.embedded.postmaster import read_pid_file
    from pgdex.jobs.database.embedded.sockets import is_ours, url, usual_folder

    paths = HomePaths(configured.home)
    noted = read_pid_file(paths.data)
    if noted is None or not noted.says_ready:
        return None
    folder = noted.socket_folder or usual_folder(paths)
    return url(folder) if is_ours(folder, paths) else None
