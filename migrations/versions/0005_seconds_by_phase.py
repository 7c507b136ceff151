"""A job's seconds by phase are added up while it runs, so that its status shows where the time goes.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    seconds = sa.Column("seconds_by_phase", JSONB, nullable=False, server_default=sa.text("'{}'"))
    op.add_column("indexing_jobs", seconds, schema="pgdex")


def downgrade() -> None:
    # It shows the column; installing the objects of the older release makes it anew.
    op.execute("drop view if exists pgdex.job_status")
    op.drop_column("indexing_jobs", "seconds_by_phase", schema="pgdex")
