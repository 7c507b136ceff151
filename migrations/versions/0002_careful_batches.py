"""Batches that end their workers are done file by file; jobs know how long they wait; old ones are found by their age.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

INDEX = "indexing_jobs_ended_idx"


def upgrade() -> None:
    deaths = sa.Column("deaths", JSONB, nullable=False, server_default=sa.text("'{}'"))
    op.add_column("job_batches", sa.Column("path_in_hand", sa.Text), schema="pgdex")
    op.add_column("job_batches", deaths, schema="pgdex")
    op.add_column("indexing_jobs", sa.Column("waiting_since", sa.DateTime(timezone=True)), schema="pgdex")
    op.create_index(
        INDEX,
        "indexing_jobs",
        [sa.text("coalesce(completed_at, cancelled_at)")],
        schema="pgdex",
        postgresql_where=sa.text("status IN ('completed', 'failed', 'cancelled')"),
    )


def downgrade() -> None:
    op.drop_index(INDEX, "indexing_jobs", schema="pgdex")
    op.drop_column("indexing_jobs", "waiting_since", schema="pgdex")
    op.drop_column("job_batches", "deaths", schema="pgdex")
    op.drop_column("job_batches", "path_in_hand", schema="pgdex")
