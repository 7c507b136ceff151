"""Functions, views and triggers: the files of the folder `sql`, put into the database as a whole."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors, sql

if TYPE_CHECKING:  # every command takes the fingerprint: SQLAlchemy would cost it 0.2 s
    from sqlalchemy import Connection

KINDS = ("functions", "views", "triggers")  # in the order in which they need each other

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
"""


@dataclass(frozen=True, slots=True)
class DatabaseObject:
    """One file: `kind` is its folder, `name` the object that it makes (again)."""

    kind: str
    name: str
    statement: str


def database_objects() -> Iterator[DatabaseObject]:
    """Every file of the folder `sql`, functions first; within a kind by name, bases before what builds on them."""
    for kind in KINDS:
        folder = files("sql") / kind
        for file in sorted(folder.iterdir(), key=lambda entry: entry.name, reverse=kind == "views"):
            if file.name.endswith(".sql"):
                yield DatabaseObject(kind, file.name.removesuffix(".sql"), file.read_text("utf-8"))


def fingerprint() -> str:
    """A digest of all files: two installations with the same one have the same functions and views."""
    digest = hashlib.sha256()
    for item in database_objects():
        digest.update(f"{item.kind}/{item.name}\0{item.statement}\0".encode())
    return digest.hexdigest()[:16]


def driver_connection(connection: "Connection") -> psycopg.Connection[Any]:
    """The psycopg connection below SQLAlchemy's, in the same transaction."""
    raw = connection.connection.driver_connection
    if not isinstance(raw, psycopg.Connection):
        raise TypeError(f"pgdex migrates through psycopg 3, got a connection of {type(raw).__module__}")
    return raw


def install_objects(connection: psycopg.Connection[Any]) -> None:
    """Replace every function, view and trigger, drop those that no file makes any more, in the caller's transaction.

    Objects are replaced in place, so that grants on them and views that others built on them stay; where
    PostgreSQL refuses that (other columns, another return type), the object is dropped first.
    """
    connection.execute("set local check_function_bodies = off")  # they call each other, in any order
    wanted: set[tuple[str, str]] = set()
    for item in database_objects():
        wanted.add((item.kind, item.name))
        statement = item.statement.encode()  # files of this package, not anybody's input
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


def drop_objects(connection: psycopg.Connection[Any], *, only: str | None = None) -> None:
    """Drop all of pgdex's views and functions (and with them its triggers), or only the one of that name."""
    rows = connection.execute(OURS).fetchall()
    for kind, name, file, _ in sorted(rows, reverse=True):  # views and triggers before the functions that they call
        if only in (None, file):
            _drop(connection, kind, name)


def _drop(connection: psycopg.Connection[Any], kind: str, name: str) -> None:
    # The name comes from the catalog, quoted by regprocedure and regclass.
    connection.execute(sql.SQL("drop {} if exists {} cascade").format(sql.SQL(kind), sql.SQL(name)))
