"""Checks of the database: the server, pgvector, the schema."""

from typing import TYPE_CHECKING

from jobs.cli.diagnosis.checks import Check, failed, ok, warning

if TYPE_CHECKING:
    from jobs.database import Connection
    from jobs.settings import Settings

OLDEST_SERVER = 15
OLDEST_VECTOR = (0, 7)  # halfvec
INSTALL_VECTOR = (
    "Install pgvector 0.7 or newer on the server: Debian and Ubuntu have postgresql-VERSION-pgvector, Docker has the "
    "image pgvector/pgvector."
)


def server_check(connection: "Connection", where: str) -> Check:
    """The server's version."""
    version = connection.info.server_version
    finding = f"{where}: PostgreSQL {version // 10000}.{version % 10000}"
    if version // 10000 < OLDEST_SERVER:
        return failed("database", finding, f"Use PostgreSQL {OLDEST_SERVER} or newer.")
    return ok("database", finding)


def vector_check(connection: "Connection") -> Check:
    """Whether pgvector is there, and new enough."""
    row = connection.execute(
        "select a.installed_version, a.default_version from pg_available_extensions a where a.name = 'vector'"
    ).fetchone()
    if row is None:
        return failed("pgvector", "the server does not have it", INSTALL_VECTOR)
    installed, available = row
    if installed is None:
        if version_numbers(available) < OLDEST_VECTOR:
            return failed("pgvector", f"the server offers {available}", INSTALL_VECTOR)
        return warning("pgvector", f"{available} is there, but not in this database", "Run: pgdex db upgrade")
    if version_numbers(installed) < OLDEST_VECTOR:
        return failed("pgvector", f"{installed} is too old", f"{INSTALL_VECTOR} Then: alter extension vector update;")
    return ok("pgvector", str(installed))


def schema_check(connection: "Connection", settings: "Settings") -> Check:
    """Whether the schema is the one that this pgdex works with."""
    from psycopg.errors import InsufficientPrivilege

    from jobs.roles import READER, not_allowed
    from jobs.schema import expected_version
    from migrations import version
    from migrations.version import Order

    try:
        installed, expected = version.installed(connection), expected_version()
    except InsufficientPrivilege:
        finding, _, advice = str(not_allowed(connection, READER)).partition(": ")
        return failed("schema", finding, f"{advice[0].upper()}{advice[1:]}")
    order = installed.order() if installed else Order.OLDER
    if order is Order.CURRENT:
        return ok("schema", str(installed))
    finding = "not there yet" if installed is None else f"{installed}, but this pgdex works with {expected}"
    if order is Order.NEWER:
        return failed("schema", finding, "A newer pgdex upgraded it: update pgdex on this machine.")
    if settings.database_url is None and order is Order.OLDER:
        return warning("schema", finding, "The next command makes it automatically; or run: pgdex db upgrade")
    return failed("schema", finding, "Run: pgdex db upgrade")


def version_numbers(version: str) -> tuple[int, ...]:
    """ "0.8.5" as (0, 8, 5); what is no number ends it."""
    numbers: list[int] = []
    for part in version.split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)
