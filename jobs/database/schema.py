"""The database's schema: which version is there, which one this pgdex needs, and the way up and down."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from pgdex.jobs.database.connection import Connection, connect, describe
from pgdex.jobs.database.upgrading import (
    Steps,
    migrate,
    require_known_revision,
    require_no_users,
    users_of,
    without_workers,
)
from pgdex.jobs.errors import InvalidRequest, NotAllowed, SchemaAhead, SchemaBehind, SchemaInUse
from pgdex.jobs.settings import Settings
from pgdex.migrations import version
from pgdex.migrations.version import Order


def expected_version() -> str:
    """The version that this pgdex works with: "0001_tables-0.1.0-3f2a…"; see `pgdex.migrations.version`."""
    return str(version.expected())


def installed_version(connection: Connection) -> str | None:
    """The version that the database has, None where pgdex was never put into it."""
    found = version.installed(connection)
    return str(found) if found else None


def ensure_current(connection: Connection, settings: Settings) -> None:
    """Bring the embedded server's schema up to date, where that takes nothing from anyone.

    Raises SchemaAhead for the schema of a newer pgdex, SchemaBehind for an older one that someone else keeps, that was
    taken back on purpose or that an unreleased pgdex made, SchemaInUse where others still work with it, and
    DatabaseUnavailable.
    """
    found = version.installed(connection)
    order = found.order() if found else Order.OLDER
    if order is Order.CURRENT:
        return
    if order is Order.NEWER:
        raise newer_schema(settings, str(found))
    if order is Order.UNRELEASED:
        raise _unreleased_schema(settings, str(found))
    where = describe(settings)
    if order is Order.TAKEN_BACK:
        raise SchemaBehind(
            f"the schema in {where} is old: it was downgraded to {found}, and this pgdex works with "
            f"{expected_version()}. Use the pgdex that belongs to it, or upgrade it again with: pgdex db upgrade"
        )
    if settings.database_url is None:
        if order is Order.OTHER_BUILD and (users := users_of(connection)):
            raise SchemaInUse(
                f"{where} has the functions of another build of this release ({found}), which are in use: "
                f"{'; '.join(users)}. This build ({expected_version()}) leaves them alone. Give it a PGDEX_HOME of its "
                "own, stop the others, or install its functions anyway with: pgdex db upgrade"
            )
        upgrade(settings)
    elif found is None:
        raise SchemaBehind(f"{where} has no pgdex schema yet. Create it with: pgdex db upgrade")
    else:
        raise SchemaBehind(
            f"{where} has schema {found}, and this pgdex works with {expected_version()}. "
            "Bring it up to date with: pgdex db upgrade (workers of the other version stop after their batch)"
        )


def upgrade(settings: Settings, *, force: bool = False) -> None:
    """Alembic to the newest revision, then all repeatable migrations again, in one transaction.

    Only upwards: raises SchemaAhead where the database has the schema of a newer pgdex, and SchemaBehind for that of an
    unreleased one, which no revision leads on from. Workers of another version are asked to end after their batch
    before; raises SchemaInUse where they don't, unless `force` says not to wait, and where someone's transaction keeps
    the tables locked. Callers at the same time wait for each other. Raises DatabaseUnavailable with the server's words.
    """
    with owners_session(settings) as control:

        def up(steps: Steps) -> None:
            found = version.installed(steps.connection)  # another caller may have been at it
            if found and found.order() is Order.NEWER:
                raise newer_schema(settings, str(found))
            if found and found.order() is Order.UNRELEASED:
                raise _unreleased_schema(settings, str(found))
            _require_known(steps.connection, settings)
            steps.upgrade()

        found = version.installed(control)
        order = found.order() if found else Order.CURRENT
        if order in (Order.CURRENT, Order.NEWER, Order.UNRELEASED):  # nobody has to end for it
            migrate(settings, control, up)
            return
        with without_workers(control, settings, force=force, without_waiting="pgdex db upgrade --force"):
            migrate(settings, control, up)


def downgrade(settings: Settings, revision: str, *, force: bool = False) -> str:
    """Alembic down to `revision`; "base" removes everything that pgdex made except the empty schema.

    What is left has no functions, and says so: `installed_version` is the revision alone. Returns what is there then.
    Raises InvalidRequest for a revision that is not there, SchemaInUse where workers run (with `force` they are asked
    to end) or someone's transaction keeps the tables locked, SchemaAhead, SchemaBehind, DatabaseUnavailable.
    """
    require_known_revision(revision)
    with owners_session(settings) as control:
        found = version.installed(control)
        if found is None:
            raise SchemaBehind(f"{describe(settings)} has no pgdex schema: nothing to downgrade")
        if found.order() is Order.NEWER:
            raise newer_schema(settings, str(found))
        if found.order() is Order.UNRELEASED:
            raise _unreleased_schema(settings, str(found))
        if revision != "base" and revision > found.revision:
            raise InvalidRequest(
                f"the schema is at {found}, which is older than {revision}: to upgrade, use pgdex db upgrade"
            )
        require_no_users(control, settings, force=force)

        def down(steps: Steps) -> None:
            _require_known(steps.connection, settings)
            steps.downgrade(revision)

        with without_workers(control, settings, force=force, without_waiting="pgdex db downgrade --force"):
            migrate(settings, control, down)
        left = installed_version(control)
    return left or "base"


@contextmanager
def owners_session(settings: Settings) -> Iterator[Connection]:
    """A session that looks on while another one changes the schema. Raises NotAllowed for a login that may not."""
    with connect(settings, application="pgdex upgrade") as control:
        row = control.execute(
            "select pg_get_userbyid(nspowner), pg_has_role(nspowner, 'usage')"
            " from pg_namespace where oid = to_regnamespace('pgdex')"
        ).fetchone()
        if row is not None and not row[1]:
            raise NotAllowed(
                f"the login {control.info.user} may not change the schema in {describe(settings)}: it belongs to "
                f"{row[0]}, who has to run this"
            )
        yield control


def newer_schema(settings: Settings, found: str) -> SchemaAhead:
    """Says what to do about a database that a newer pgdex has upgraded."""
    message = (
        f"{describe(settings)} was upgraded by a newer pgdex: it has schema {found}, and this pgdex "
        f"({version.RELEASE}) works with {expected_version()}. Nothing was changed. "
    )
    if settings.database_url is None:
        return SchemaAhead(f"{message}Use the newer pgdex, or give this one a PGDEX_HOME of its own")
    return SchemaAhead(f"{message}Update pgdex on this machine")


def _unreleased_schema(settings: Settings, found: str) -> SchemaBehind:
    """Says what to do about a database that a pgdex from before the first release has made."""
    return SchemaBehind(
        f"the schema in {describe(settings)} was made by a pgdex from before the first release ({found}), and can't be "
        "upgraded. Start over with: pgdex db reset (it asks first, and deletes the index; your source code is not "
        "touched)"
    )


def _require_known(connection: psycopg.Connection[object], settings: Settings) -> None:
    """Raise SchemaAhead, or SchemaBehind, where Alembic's own note names a revision that this pgdex does not have."""
    unknown = version.unknown_revisions(connection)
    if version.UNRELEASED_REVISIONS.intersection(unknown):
        raise _unreleased_schema(settings, ", ".join(unknown))
    if unknown:
        raise newer_schema(settings, ", ".join(unknown))
