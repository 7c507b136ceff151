"""`pgdex.connect` and `pgdex.connect_async`."""

import os

from pgdex.jobs.api.arguments import require_texts
from pgdex.jobs.api.asynchronous import AsyncPgdex
from pgdex.jobs.api.synchronous import Pgdex
from pgdex.jobs.client.projects import checked_id
from pgdex.jobs.database.connection import url_parts
from pgdex.jobs.environment import UnusableValue
from pgdex.jobs.errors import InvalidRequest, InvalidSetting
from pgdex.jobs.settings import Settings


def connect(url: str | None = None, *, project: str | None = None, start_workers: bool = True) -> Pgdex:
    """Connect to pgdex's database: that of `url`, else that of PGDEX_DATABASE_URL, else the embedded server, which is
    started and set up where it is not there yet.

    `project` is the one that calls are about which name none. With `start_workers`, `index` and `start` start worker
    processes in the background where none is alive, as the command does; without it a job waits for yours
    (`pgdex worker`). All else comes from the PGDEX_ variables, as they are now.

    Raises DatabaseUnavailable, SchemaBehind, SchemaAhead, NotAllowed, InvalidSetting, and InvalidRequest for a url or
    project that can't be one.
    """
    made = Pgdex(_settings(url, project), start_workers=start_workers)
    made.open()
    return made


def connect_async(url: str | None = None, *, project: str | None = None, start_workers: bool = True) -> AsyncPgdex:
    """`connect` for asyncio: `async with pgdex.connect_async() as px:`, or `px = await pgdex.connect_async()`."""
    return AsyncPgdex(_settings(url, project), start_workers=start_workers)


def _settings(url: str | None, project: str | None) -> Settings:
    if url is not None and (not isinstance(url, str) or not url.strip()):
        got = "an empty one" if isinstance(url, str) else type(url).__name__  # it may hold a password
        raise InvalidRequest(
            f"url must be a PostgreSQL URL such as postgresql://USER@HOST/DATABASE, got {got}; "
            "leave it out for the database of PGDEX_DATABASE_URL or the embedded one"
        )
    if url is not None:
        try:
            url_parts(url, name="url")
        except InvalidSetting as error:
            raise InvalidRequest(str(error)) from None
    require_texts(project=project)
    if project is not None:
        checked_id(project)
    given = {"database_url": url, "project": project}
    try:
        return Settings.read(os.environ).with_values(**{name: one for name, one in given.items() if one is not None})
    except UnusableValue as error:
        # Never the value itself: it may be a key or a URL with a password.
        raise InvalidSetting(f"PGDEX_{error.name.upper()} is not usable: {error.reason}") from None
