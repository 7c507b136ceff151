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


def embedded_url(settings: Settings) -> str:
    """The URL of the embedded server of the settings' home, which is started where it does not run (any more)."""
    from jobs.embedded.server import is_running, start_server  # not for those with a URL

    home = settings.home
    if home not in EMBEDDED_URLS or not is_running(home):
        EMBEDDED_URLS[home] = start_server(home, linger_seconds=settings.server_linger)
    return EMBEDDED_URLS[home]


def database_url(settings: Settings) -> str:
    """The database's URL as a user would give it to psql; starts the embedded server where there is none set.

    Raises DatabaseUnavailable.
    """
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    return embedded_url(settings)


def url_parts(url: str) -> dict[str, Any]:
    """The parameters in a URL or a connection string, as libpq reads it.

    Raises DatabaseUnavailable for what can't be read or is nowhere. It quotes nothing, since any part may belong to a
    password: in one with an @, / or : that is not percent-encoded, libpq takes the rest for a host, a port, a database.
    """
    try:
        parts = dict(conninfo_to_dict(url))
    except psycopg.ProgrammingError:
        parts = None
    if parts is None or not _is_plausible(url, parts):
        raise DatabaseUnavailable(
            "PGDEX_DATABASE_URL is not a PostgreSQL URL: use postgresql://USER:PASSWORD@HOST:PORT/DATABASE, and write"
            " special characters of the password percent-encoded: @ as %40, : as %3A, / as %2F, % as %25"
        )
    return parts


def _is_plausible(url: str, parts: dict[str, Any]) -> bool:
    _, is_url, rest = url.partition("?")[0].partition("://")
    login, has_login, place = rest.partition("@")
    if is_url and has_login and ("/" in login or "@" in place):
        return False
    hosts = str(parts.get("host") or "").split(",")
    ports = str(parts.get("port") or "").split(",")
    return all(host.startswith(("/", "@")) or re.fullmatch(r"[\w.:%-]*", host) for host in hosts) and all(
        re.fullmatch(r"[0-9]*", port) for port in ports
    )


def conninfo(settings: Settings, *, application: str = "pgdex") -> str:
    """Connection string with pgdex's search path and `application` as the name that pg_stat_activity shows."""
    given = url_parts(database_url(settings))
    options = " ".join(str(part) for part in (given.get("options"), SEARCH_PATH) if part)
    defaults: dict[str, Any] = {
        "connect_timeout": 10,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 25_000,  # ms; so a network that swallows everything is found out within half a minute
    }
    merged = defaults | given | {"options": options, "application_name": application, "client_encoding": "utf8"}
    return make_conninfo("", **merged)


def connect(settings: Settings, *, application: str = "pgdex") -> Connection:
    """One autocommit connection. Raises DatabaseUnavailable with a message that names the server, not the password."""
    where = conninfo(settings, application=application)
    try:
        return psycopg.connect(where, autocommit=True)
    except (psycopg.OperationalError, psycopg.ProgrammingError) as error:  # the latter: a bad connect_timeout
        raise DatabaseUnavailable(f"{describe(settings)} can't be reached: {_reason(error)}") from error


def describe(settings: Settings) -> str:
    """The database in words for a user: where it is, without a password."""
    if settings.database_url is None:
        return f"the embedded PostgreSQL under {settings.home}"
    try:
        given = url_parts(settings.database_url.get_secret_value())
    except DatabaseUnavailable:
        return "the database of PGDEX_DATABASE_URL"
    host = given.get("host") or "localhost"
    return f"the database {given.get('dbname') or given.get('user') or ''} on {host}:{given.get('port') or 5432}"


def _reason(error: psycopg.Error) -> str:
    return re.sub(r"\s+", " ", str(error)).strip()
