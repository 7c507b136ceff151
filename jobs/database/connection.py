"""Which database: the URL of the settings, or the embedded server; and connections to it.

`connect`, `connect_async` and `pool` make every connection of pgdex's processes; `Limits` tell them apart.
"""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pgdex.jobs.database.libpq_environment import forget_libpq_variables
from pgdex.jobs.database.sessions import FRONT_END, WORKER, AsyncSession, Limits, Session
from pgdex.jobs.errors import DatabaseUnavailable, InvalidSetting
from pgdex.jobs.settings import Settings

if TYPE_CHECKING:
    from psycopg_pool import ConnectionPool

EMBEDDED_URLS: dict[Path, str] = {}  # of the servers that this process uses
Connection = psycopg.Connection[tuple[Any, ...]]
AsyncConnection = psycopg.AsyncConnection[tuple[Any, ...]]


def embedded_url(settings: Settings) -> str:
    """The URL of the embedded server of the settings' home, which is started where it does not run (any more)."""
    from pgdex.jobs.database.embedded.server import is_running, start_server  # not for those with a URL

    home = settings.home
    if home not in EMBEDDED_URLS or not is_running(home):
        EMBEDDED_URLS[home] = start_server(home, linger_seconds=settings.server_linger)
    return EMBEDDED_URLS[home]


def database_url(settings: Settings) -> str:
    """The database's URL as a user would give it to psql; starts the embedded server where there is none set.

    Raises DatabaseUnavailable.
    """
    forget_libpq_variables(embedded=settings.database_url is None)
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    return embedded_url(settings)


def url_parts(url: str, *, name: str = "PGDEX_DATABASE_URL") -> dict[str, Any]:
    """The parameters in a URL or a connection string, as libpq reads it; `name` is what errors call it.

    Raises InvalidSetting for what can't be read or is nowhere. It quotes nothing, since any part may belong to a
    password: in one with an @, / or : that is not percent-encoded, libpq takes the rest for a host, a port, a database.
    """
    try:
        parts = dict(conninfo_to_dict(url))
    except psycopg.ProgrammingError:
        parts = None
    if parts is None or not _is_plausible(url, parts):
        raise InvalidSetting(
            f"{name} is not a PostgreSQL URL: use postgresql://USER:PASSWORD@HOST:PORT/DATABASE, and write"
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
    """Connection string with `application` as the name that pg_stat_activity shows."""
    given = url_parts(database_url(settings))
    defaults: dict[str, Any] = {
        "connect_timeout": 10,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 25_000,  # ms; so a network that swallows everything is found out within half a minute
    }
    return make_conninfo("", **(defaults | given | {"application_name": application, "client_encoding": "utf8"}))


def connect(settings: Settings, *, application: str = "pgdex", limits: Limits = FRONT_END) -> Connection:
    """One autocommit connection. Raises DatabaseUnavailable with a message that names the server, not the password."""
    where = conninfo(settings, application=application)
    connection: Session[tuple[Any, ...]] | None = None
    try:
        connection = Session.connect(where, autocommit=True)
        connection.set_up(limits)
    except (psycopg.Error, OSError) as error:  # a ProgrammingError is a bad connect_timeout
        if connection is not None:
            connection.close()
        raise _unreachable(settings, error) from error
    return connection


async def connect_async(settings: Settings, *, application: str, limits: Limits = WORKER) -> AsyncConnection:
    """The same for asyncio; starting an embedded server does not hold up the loop. Raises DatabaseUnavailable."""
    where = await asyncio.to_thread(conninfo, settings, application=application)
    connection: AsyncSession[tuple[Any, ...]] | None = None
    try:
        connection = await AsyncSession.connect(where, autocommit=True)
        await connection.set_up(limits)
    except (psycopg.Error, OSError) as error:
        if connection is not None:
            await connection.close()
        raise _unreachable(settings, error) from error
    return connection


def pool(
    settings: Callable[[], Settings], *, application: str, limits: Limits, **arguments: Any
) -> "ConnectionPool[Connection]":
    """A pool of such connections, not open yet; `arguments` are ConnectionPool's."""
    from psycopg_pool import ConnectionPool

    def configure(connection: Connection) -> None:
        assert isinstance(connection, Session)
        connection.set_up(limits)

    return ConnectionPool(
        # Asked for each new connection: an embedded server that crashed is started again.
        lambda: conninfo(settings(), application=application),
        connection_class=Session,
        kwargs={"autocommit": True},
        configure=configure,
        open=False,
        **arguments,
    )


def _unreachable(settings: Settings, error: Exception) -> DatabaseUnavailable:
    reason = re.sub(r"\s+", " ", str(error)).strip()
    return DatabaseUnavailable(f"{describe(settings)} can't be reached: {reason}{_advice(reason)}")


def _advice(reason: str) -> str:
    """What to do about an error of a pooler. PgBouncer's messages are not translated."""
    refused = re.search(r"unsupported startup parameter(?: in options)?: (\w+)", reason)
    if refused is None:
        return ""
    name = refused[1]
    url = ", take options out of the URL" if name == "options" else ""
    return (
        f". That is the answer of a connection pooler such as PgBouncer: add {name} to ignore_startup_parameters in its"
        f" configuration{url}, or let PGDEX_DATABASE_URL lead to PostgreSQL itself"
    )


def describe(settings: Settings) -> str:
    """The database in words for a user: where it is, without a password."""
    if settings.database_url is None:
        return f"the embedded PostgreSQL under {settings.home}"
    try:
        given = url_parts(settings.database_url.get_secret_value())
    except InvalidSetting:
        return "the database of PGDEX_DATABASE_URL"
    host = given.get("host") or "localhost"
    return f"the database {given.get('dbname') or given.get('user') or ''} on {host}:{given.get('port') or 5432}"
