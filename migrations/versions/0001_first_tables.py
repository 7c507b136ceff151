"""The first tables, and procrastinate 3.10's own schema beside them.

Revision ID: 0001
Revises:
"""

from importlib.resources import files

from alembic import op
from sqlalchemy import text

from migrations.objects import driver_connection, drop_objects

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(text("create extension if not exists vector with schema public"))
    version = op.get_bind().execute(
        text("select string_to_array(extversion, '.')::int[] >= '{0,7}' from pg_extension where extname = 'vector'")
    )
    if not version.scalar_one():
        raise RuntimeError(
            "pgdex needs pgvector 0.7 or newer (it stores halfvec): update it with ALTER EXTENSION vector UPDATE"
        )
    connection = driver_connection(op.get_bind())
    connection.execute(_text("procrastinate_3_10_0.sql"))
    connection.execute(_text("versions/0001_first_tables.sql"))


def downgrade() -> None:
    connection = driver_connection(op.get_bind())
    drop_objects(connection)
    connection.execute(_text("versions/0001_first_tables_down.sql"))


def _text(name: str) -> str:
    return (files("migrations") / name).read_text("utf-8")
