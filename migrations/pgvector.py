"""The extension pgvector: making it where it is missing, its version, and the schema that it is in."""

from typing import Any

import psycopg
from psycopg import sql

# Search sets hnsw.iterative_scan, which came with 0.8.0: before, every search fails.
OLDEST = (0, 8, 0)
# Before it, vacuum can damage an HNSW index, and building one in several processes can overflow a buffer.
RECOMMENDED = (0, 8, 4)
# Where it is made if nobody has made it, the first of these that exists.
USUAL_SCHEMAS = ("public", "extensions", "pgdex")

# As in the scripts of extensions: stands for the schema that pgvector was installed into. Naming it is what keeps the
# search path of our functions free of schemas that others may write to, where they could put operators of their own.
VECTOR_SCHEMA = "@extschema:vector@"
UNFIT_FOR_A_NAME = set("\"$'\\%")  # as PostgreSQL has it for extensions, and what format() would take for a place


class PgvectorUnfit(RuntimeError):
    """The extension is not there or too old; the message says what to do."""


def version_numbers(version: str) -> tuple[int, ...]:
    """ "0.8.5" as (0, 8, 5); what is no number ends it."""
    numbers: list[int] = []
    for part in version.split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)


def dotted(numbers: tuple[int, ...]) -> str:
    """(0, 8, 5) as "0.8.5"."""
    return ".".join(map(str, numbers))


def vector_schema(connection: psycopg.Connection[Any]) -> str:
    """The quoted name of the schema that pgvector was installed into. Raises PgvectorUnfit."""
    row = connection.execute(
        "select quote_ident(n.nspname), e.extversion, has_schema_privilege(n.oid, 'usage'), current_user, n.nspname"
        " from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'vector'"
    ).fetchone()
    if row is None:
        raise PgvectorUnfit("the extension vector is not installed in this database: create extension vector")
    schema, version, may_use, login, name = row
    if version_numbers(version) < OLDEST:
        raise PgvectorUnfit(
            f"pgvector {version} is too old: pgdex needs {dotted(OLDEST)} or newer, best {dotted(RECOMMENDED)}. Install"
            " a newer one on the server, then run in this database: alter extension vector update;"
        )
    if set(name) & UNFIT_FOR_A_NAME:
        raise PgvectorUnfit(
            f"pgvector is in a schema whose name has a character that pgdex can't use ({name}): alter extension vector"
            " set schema public;"
        )
    if not may_use:
        raise PgvectorUnfit(
            f"the login {login} may not use the schema {schema}, where pgvector is: its owner allows it with: "
            f"grant usage on schema {schema} to {_quoted(login)};"
        )
    return str(schema)


def ensure_extension(connection: psycopg.Connection[Any]) -> None:
    """Make the extension where it is missing; one that is there stays in its schema. Raises PgvectorUnfit."""
    if connection.execute("select from pg_extension where extname = 'vector'").fetchone() is not None:
        return
    offered = connection.execute("select default_version from pg_available_extensions where name = 'vector'").fetchone()
    if offered is None:
        raise PgvectorUnfit(
            "the server does not have pgvector. Install it there: Debian and Ubuntu have postgresql-VERSION-pgvector,"
            " Docker has the image pgvector/pgvector"
        )
    row = connection.execute(
        "select nspname from pg_namespace where nspname = any(%s) order by array_position(%s::text[], nspname::text)",
        [list(USUAL_SCHEMAS), list(USUAL_SCHEMAS)],
    ).fetchone()
    assert row is not None, "the schema pgdex is made before"
    try:
        with connection.transaction():
            connection.execute(sql.SQL("create extension vector with schema {}").format(sql.Identifier(row[0])))
    except psycopg.errors.InsufficientPrivilege as error:
        raise PgvectorUnfit(
            "the extension vector is not in this database, and this login may not create it: let an administrator run"
            " there: create extension vector;"
        ) from error


def _quoted(name: str) -> str:
    return sql.Identifier(name).as_string()
