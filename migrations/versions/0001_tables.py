"""pgdex's tables, and procrastinate 3.10's own schema beside them.

Revision ID: 0001_tables
Revises:
"""

from importlib.resources import files

from alembic import op

from pgdex.migrations.pgvector import VECTOR_SCHEMA, ensure_extension, vector_schema
from pgdex.migrations.repeatable import driver_connection, drop_objects_and_grants

revision = "0001_tables"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = driver_connection(op.get_bind())
    ensure_extension(connection)
    connection.execute(_text("procrastinate_3_10_0.sql").encode())
    tables = _text("versions/0001_tables.sql")
    connection.execute(tables.replace(VECTOR_SCHEMA, vector_schema(connection)).encode())


def downgrade() -> None:
    connection = driver_connection(op.get_bind())
    drop_objects_and_grants(connection)
    connection.execute(_text("versions/0001_tables_down.sql").encode())


def _text(name: str) -> str:
    return (files("pgdex.migrations") / name).read_text("utf-8")
