"""The database's schema: which version is there, which one this pgdex needs, and the way up and down."""

import time
from functools import cache
from importlib.resources import as_file, files

import psycopg

from jobs.database import Connection, connect, describe
from jobs.errors import DatabaseUnavailable, SchemaBehind
from jobs.outages import Backoff
from jobs.sessions import UPGRADE, keep_settings
from jobs.settings import Settings

LOCK_PATIENCE_SECONDS = 60.0
UPGRADE_LOCK = "select pg_advisory_xact_lock(hashtext('pgdex.upgrade'))"


@cache
def expected_version() -> str:
    """The newest revision and a digest of the functions and views: "0001-3f2a…"."""
    from migrations.objects import fingerprint

    names = [entry.name for entry in (files("migrations") / "versions").iterdir()]
    newest = max(name.split("_")[0] for name in names if name[:4].isdigit() and name.endswith(".py"))
    return f"{newest}-{fingerprint()}"


def installed_version(connection: Connection) -> str | None:
    """The version that the database has, None where pgdex was never put into it."""
    try:
        row = connection.execute("select value from pgdex.settings where name = 'schema_version'").fetchone()
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        return None
    return str(row[0]) if row else None


def ensure_current(connection: Connection, settings: Settings) -> None:
    """Bring the embedded server's schema up to date; raise SchemaBehind for a database that somebody else keeps."""
    installed = installed_version(connection)
    if installed == expected_version():
        return
    if settings.database_url is None:
        upgrade(settings)
        return
    if installed is None:
        raise SchemaBehind(f"{describe(settings)} has no pgdex schema yet. Make it with: pgdex db upgrade")
    raise SchemaBehind(
        f"{describe(settings)} has schema {installed}, and this pgdex works with {expected_version()}. "
        "Bring it up to date with: pgdex db upgrade (workers of the older version should be stopped before)"
    )


def upgrade(settings: Settings) -> None:
    """Alembic to the newest revision, then every function, view and trigger anew, in one transaction.

    Callers at the same time wait for each other. Raises DatabaseUnavailable with the server's words.
    """
    _migrate(settings, "head")


def downgrade(settings: Settings, revision: str) -> None:
    """Alembic down to `revision`; "base" removes everything that pgdex made except the empty schema."""
    _migrate(settings, revision)


def _migrate(settings: Settings, target: str) -> None:
    """Try again while somebody holds a lock: waiting for it would make everybody wait who comes after."""
    deadline = time.monotonic() + LOCK_PATIENCE_SECONDS
    backoff = Backoff(first=0.5, longest=5.0)
    while True:
        try:
            _migrate_once(settings, target)
        except DatabaseUnavailable as error:
            cause = error.__cause__
            if not isinstance(getattr(cause, "orig", cause), psycopg.errors.LockNotAvailable):
                raise
            if time.monotonic() > deadline:
                raise DatabaseUnavailable(
                    f"{error}. Another session held a lock for {LOCK_PATIENCE_SECONDS:.0f} s (a dump, an upgrade, or a "
                    "transaction that somebody left open; pg_stat_activity shows it). Nothing was changed: try again"
                    " later"
                ) from error
        else:
            return
        time.sleep(backoff.next())


def _migrate_once(settings: Settings, target: str) -> None:
    from alembic import command  # 0.3 s of imports that only this needs
    from alembic.config import Config
    from sqlalchemy import create_engine
    from sqlalchemy.exc import DBAPIError

    from migrations.objects import driver_connection, install_objects
    from migrations.pgvector import PgvectorUnfit

    def connected() -> Connection:
        connection = connect(settings, application="pgdex upgrade", limits=UPGRADE)
        connection.autocommit = False
        return connection

    engine = create_engine("postgresql+psycopg://", creator=connected)
    config = Config()
    try:
        with as_file(files("migrations")) as folder, engine.begin() as transaction:
            config.set_main_option("script_location", str(folder))
            config.attributes["connection"] = transaction
            raw = driver_connection(transaction)
            keep_settings(raw)
            raw.execute(UPGRADE_LOCK)
            if target == "head":
                command.upgrade(config, "head")
                install_objects(raw)
                raw.execute(
                    "insert into pgdex.settings (name, value) values ('schema_version', %s)"
                    " on conflict (name) do update set value = excluded.value",
                    [expected_version()],
                )
            else:
                command.downgrade(config, target)
    except PgvectorUnfit as error:
        raise DatabaseUnavailable(f"{describe(settings)} is not fit for pgdex: {error}") from error
    except (DBAPIError, psycopg.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        raise DatabaseUnavailable(f"{describe(settings)} could not be upgraded: {cause}") from error
    finally:
        engine.dispose()
