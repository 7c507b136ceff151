"""Alembic's entry: runs the revisions on the connection that pgdex hands over, or on PGDEX_DATABASE_URL."""

import os
from typing import Any

from alembic import context
from pgvector.sqlalchemy import HALFVEC, SPARSEVEC
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.sql.schema import SchemaItem

from pgdex.migrations.repeatable import apply_repeatable, driver_connection, drop_objects
from pgdex.migrations.tables import SCHEMA, metadata
from pgdex.migrations.version import SchemaVersion, expected, note_installed


def is_ours(item: SchemaItem, name: str | None, kind: str, _reflected: bool, _other: SchemaItem | None) -> bool:
    """Leave out procrastinate's tables, what refers to them, and the tables in which chunks lie."""
    table = name if kind == "table" else getattr(getattr(item, "table", None), "name", None)
    foreign = (table or "").startswith(("procrastinate_", "chunks_r", "chunks_s", "alembic_version"))
    return not foreign and not (kind == "foreign_key_constraint" and name == "workers_id_fkey")


def run(connection: Connection) -> None:
    connection.execute(text(f"create schema if not exists {SCHEMA}"))
    # The first revision makes procrastinate's tables without naming a schema. What others may write to is never on it.
    connection.execute(text(f"set local search_path = {SCHEMA}, pg_temp"))
    # Reflection shows tables of the schema that comes first in the search path without their schema's name.
    connection.dialect.default_schema_name = "public"
    _know_types(connection)
    applied: list[str] = []
    context.configure(
        on_version_apply=lambda **step: applied.append(str(step["step"])),
        connection=connection,
        target_metadata=metadata,
        version_table_schema=SCHEMA,
        include_schemas=True,
        include_name=lambda name, kind, _parents: kind != "schema" or name == SCHEMA,
        include_object=is_ours,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()
        if applied:
            make_true(connection, heads=context.get_context().get_current_heads())


def make_true(connection: Connection, *, heads: tuple[str, ...]) -> None:
    """After revisions were applied: the repeatable migrations, and a note of the version that is there now.

    They fit the newest tables alone. At an earlier revision there are no functions: a pgdex that has it as its newest
    one applies its own.
    """
    raw = driver_connection(connection)
    if set(heads) == set(context.script.get_heads()):
        apply_repeatable(raw)
        note_installed(raw, expected())
        context.config.attributes["repeatable_applied"] = True
    elif heads:
        drop_objects(raw)
        note_installed(raw, SchemaVersion("+".join(sorted(heads)), None, None))


def _know_types(connection: Connection) -> None:
    """Let reflection (`alembic check`) know pgvector's types by their whole names."""
    known: dict[str, Any] = getattr(connection.dialect, "ischema_names")  # noqa: B009 (PostgreSQL's dialect has it)
    query = "select quote_ident(n.nspname) from pg_extension e join pg_namespace n on n.oid = e.extnamespace"
    for (schema,) in connection.execute(text(f"{query} where e.extname = 'vector'")):
        known |= {f"{schema}.halfvec": HALFVEC, f"{schema}.sparsevec": SPARSEVEC}


handed_over: Connection | None = context.config.attributes.get("connection")
if handed_over is not None:
    run(handed_over)
else:
    url = context.config.get_main_option("sqlalchemy.url") or os.environ["PGDEX_DATABASE_URL"]
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.begin() as own:
        run(own)
