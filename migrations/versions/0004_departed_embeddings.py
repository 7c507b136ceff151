"""Embeddings of chunks that left the index are kept for a while: the way back costs no call to a service.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op
from pgvector.sqlalchemy import HALFVEC

from pgdex.migrations.objects import driver_connection
from pgdex.migrations.pgvector import vector_schema

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


class _HalfVec(HALFVEC):
    """The type by its whole name: the schema of pgvector need not be on the search path."""

    def get_col_spec(self, **_: object) -> str:
        return f"{vector_schema(driver_connection(op.get_bind()))}.halfvec"


def upgrade() -> None:
    op.create_table(
        "departed_embeddings",
        sa.Column("project_id", sa.Text, sa.ForeignKey("pgdex.projects.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("model_id", sa.SmallInteger, sa.ForeignKey("pgdex.embedding_models.id"), primary_key=True),
        sa.Column("text_hash", sa.Uuid, primary_key=True),
        sa.Column("embedding", _HalfVec, nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.clock_timestamp()),
        schema="pgdex",
    )
    op.create_index("departed_embeddings_kept_idx", "departed_embeddings", ["kept_at"], schema="pgdex")


def downgrade() -> None:
    op.drop_table("departed_embeddings", schema="pgdex")
