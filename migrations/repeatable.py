"""Repeatable migrations: the files of the folder `sql`, each of which makes a function, a view, a trigger or a role.

As in Flyway, which has the name: a revision is applied once and never changes, a repeatable migration is edited in its
file, and all of them are applied again after every upgrade, in one order.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors, sql

from pgdex.migrations.pgvector import VECTOR_SCHEMA, vector_schema

if TYPE_CHECKING:  # every command takes the fingerprint: SQLAlchemy would cost it 0.2 s
    from sqlalchemy import Connection

KINDS = ("functions", "views", "triggers", "roles")  # in the order in which they need each other
ROLES = ("pgdex_reader", "pgdex_client", "pgdex_worker")  # each is a member of the one before

# Functions that everyone may call; members of extensions are not ours.
OPEN_TO_ALL = """
    select p.oid::regprocedure::text from pg_proc p
    where p.pronamespace = to_regnamespace('pgdex')
        and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
        and (p.proacl is null or exists (select from aclexplode(p.proacl) as acl where acl.grantee = 0))
"""
# procrastinate's functions come without a search path of their own. They run with the rights of their callers, and none
# of those may be made to look a name up in a schema that others write to.
OF_PROCRASTINATE = """
    select p.oid::regprocedure::text from pg_proc p
    where p.pronamespace = to_regnamespace('pgdex') and p.proname like 'procrastinate%'
        and not coalesce(p.proconfig::text like '%search_path%', false)
"""
# Everything of ours in the schema that is not in a table: procrastinate's functions keep their names apart. `fresh`
# says that this transaction made or replaced it (its savepoints have higher numbers than the transaction itself).
OURS = """
    select 'function' as kind, p.oid::regprocedure::text as name, p.proname as file,
        age(p.xmin) <= age(pg_current_xact_id()::xid) as fresh
    from pg_proc p
    where p.pronamespace = to_regnamespace('pgdex') and p.proname not like 'procrastinate%'
        and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
    union all
    select 'view', c.oid::regclass::text, c.relname, true
    from pg_class c where c.relnamespace = to_regnamespace('pgdex') and c.relkind = 'v'
    union all
    select 'trigger', format('%I on %s', t.tgname, t.tgrelid::regclass), t.tgname, true
    from pg_trigger t join pg_class c on c.oid = t.tgrelid
    where c.relnamespace = to_regnamespace('pgdex') and not t.tgisinternal and t.tgname not like 'procrastinate%'
        and t.tgparentid = 0
        and c.relname not like 'chunks\\_r%'  -- made by pgdex.build_signatures, with their table
"""


@dataclass(frozen=True, slots=True)
class RepeatableMigration:
    """One file: `kind` is its folder, `name` the object that it creates or replaces."""

    kind: str
    name: str
    statement: str

    def for_database(self, vector_schema: str) -> bytes:
        """The statement for a database where pgvector lies in that schema (quoted). Files of this package, not
        anyone's input."""
        return self.statement.replace(VECTOR_SCHEMA, vector_schema).encode()


def repeatable_migrations() -> Iterator[RepeatableMigration]:
    """Every file of the folder `sql`, in the order in which they are applied: functions first; within a kind by name,
    bases before what builds on them."""
    for kind in KINDS:
        folder = files("pgdex.sql") / kind
        names = [entry.name.removesuffix(".sql") for entry in folder.iterdir() if entry.name.endswith(".sql")]
        names.sort(key=ROLES.index if kind == "roles" else None, reverse=kind == "views")
        for name in names:
            yield RepeatableMigration(kind, name, (folder / f"{name}.sql").read_text("utf-8"))


def fingerprint() -> str:
    """A digest of all files: two installations with the same one have the same functions and views."""
    digest = hashlib.sha256()
    for item in repeatable_migrations():
        digest.update(f"{item.kind}/{item.name}\0{item.statement}\0".encode())
    return digest.hexdigest()[:16]


def driver_connection(connection: "Connection") -> psycopg.Connection[Any]:
    """The psycopg connection below SQLAlchemy's, in the same transaction."""
    raw = connection.connection.driver_connection
    if not isinstance(raw, psycopg.Connection):
        raise TypeError(f"pgdex migrates through psycopg 3, got a connection of {type(raw).__module__}")
    return raw


def apply_repeatable(connection: psycopg.Connection[Any]) -> None:
    """Apply all: replace every function, view and trigger, drop those without a file, in the caller's transaction.

    Objects are replaced in place, so that grants on them and views that others built on them stay; where
    PostgreSQL refuses that (other columns, another return type), the object is dropped first. Therefore roles get
    their rights (again) at the end. Nobody else may call a function, unless an administrator grants it.
    """
    connection.execute("set local check_function_bodies = off")  # they call each other, in any order
    pgvector = vector_schema(connection)
    wanted: set[tuple[str, str]] = set()
    roles: list[RepeatableMigration] = []
    for item in repeatable_migrations():
        wanted.add((item.kind, item.name))
        if item.kind == "roles":
            roles.append(item)
            continue
        statement = item.for_database(pgvector)
        try:
            with connection.transaction():
                connection.execute(statement)
        except (errors.InvalidFunctionDefinition, errors.InvalidTableDefinition):
            drop_objects(connection, only=item.name)
            connection.execute(statement)
    for kind, name, file, fresh in connection.execute(OURS).fetchall():
        # Not fresh: a function with the arguments of an older version, which stands beside its successor.
        if (f"{kind}s", file) not in wanted or not fresh:
            _drop(connection, kind, name)
    for (function,) in connection.execute(OF_PROCRASTINATE).fetchall():
        path = sql.SQL("alter function {} set search_path = pg_catalog, pgdex, pg_temp")
        connection.execute(path.format(sql.SQL(function)))
    for (function,) in connection.execute(OPEN_TO_ALL).fetchall():
        connection.execute(sql.SQL("revoke execute on function {} from public").format(sql.SQL(function)))
    for role in roles:
        connection.execute(role.for_database(pgvector))


def drop_objects_and_grants(connection: psycopg.Connection[Any]) -> None:
    """Drop what repeatable migrations made, and take from pgdex's roles what they may do in this database.

    The roles stay, for other databases may use them.
    """
    _revoke_grants(connection)
    drop_objects(connection)


def drop_objects(connection: psycopg.Connection[Any], *, only: str | None = None) -> None:
    """Drop views, functions and triggers, or those of one name, and leave the roles what they may do with tables."""
    rows = connection.execute(OURS).fetchall()
    for kind, name, file, _ in sorted(rows, reverse=True):  # views and triggers before the functions that they call
        if only in (None, file):
            _drop(connection, kind, name)


def _revoke_grants(connection: psycopg.Connection[Any]) -> None:
    """Afterwards nothing of this database keeps anyone from dropping the roles."""
    for (role,) in connection.execute("select rolname from pg_roles where rolname = any(%s)", [list(ROLES)]).fetchall():
        for what in ("all tables in schema", "all sequences in schema", "all routines in schema", "schema"):
            statement = sql.SQL("revoke all on {} pgdex from {}")
            connection.execute(statement.format(sql.SQL(what), sql.Identifier(role)))


def _drop(connection: psycopg.Connection[Any], kind: str, name: str) -> None:
    # The name comes from the catalog, quoted by regprocedure and regclass.
    connection.execute(sql.SQL("drop {} if exists {} cascade").format(sql.SQL(kind), sql.SQL(name)))
