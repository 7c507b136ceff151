"""Which database: the URL of the settings, or the embedded server; and connections to it."""

import re
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from jobs.errors import DatabaseUnavailable
from jobs.settings import Settings

# pgvector lies in public unless the database's owner put it elsewhere (Supabase: extensions).
SEARCH_PATH = "-c search_path=pgdex,public,extensions"
EMBEDDED_URLS: dict[Path, str] = {}  # of the servers that this process uses
Connection = psycopg.Connection[tuple[Any, ...]]


def embedded_url(home: Path) -> str:
    """The URL of the embedded server under `home`, which is started where it does not run (any more)."""
    from jobs.embedded_server import is_running, start_server  # psutil and the server's wheel: not for a URL

    if home not in EMBEDDED_URLS or not is_running(home):
        EMBEDDED_URLS[home] = start_server(home)
    return EMBEDDED_URLS[home]


def database_url(settings: Settings) -> str:
    """The database's URL as a user would give it to psql; starts the embedded server where there is none set.

    Raises DatabaseUnavailable.
    """
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    return embedded_url(settings.home)


def conninfo(settings: Settings, *, application: str = "pgdex") -> str:
    """Connection string with pgdex's search path and `application` as the name that pg_stat_activity shows."""
    url = database_url(settings)
    try:
        given = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise DatabaseUnavailable(
            "PGDEX_DATABASE_URL is not a PostgreSQL URL: use postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
        ) from None
    options = " ".join(str(part) for part in (given.get("options"), SEARCH_PATH) if part)
    defaults: dict[str, Any] = {
        "connect_timeout": 10,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
    }
    merged = defaults | given | {"options": options, "application_name": application, "client_encoding": "utf8"}
    return make_conninfo("", **merged)


def connect(settings: Settings, *, application: str = "pgdex") -> Connection:
    """One autocommit connection. Raises DatabaseUnavailable with a message that names the server, not the password."""
    where = conninfo(settings, application=application)
    try:
        return psycopg.connect(where, autocommit=True)
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable(f"{describe(settings)} can't be reached: {_reason(error)}") from error


def describe(settings: Settings) -> str:
    """The database in words for a user: where it is, without a password."""
    if settings.database_url is None:
        return f"the embedded PostgreSQL under {settings.home}"
    try:
        given = conninfo_to_dict(settings.database_url.get_secret_value())
    except psycopg.ProgrammingError:
        return "the database of PGDEX_DATABASE_URL"
    host = given.get("host") or "localhost"
    return f"the database {given.get('dbname') or given.get('user') or ''} on {host}:{given.get('port') or 5432}"


def _reason(error: psycopg.Error) -> str:
    return re.sub(r"\s+", " ", str(error)).strip()
