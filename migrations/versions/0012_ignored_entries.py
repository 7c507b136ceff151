"""A job notes what ignore rules left out of its tree, and a repository whether git's rules count for it.

Revision ID: 0012
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0012"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("indexing_jobs", sa.Column("ignored", JSONB), schema="pgdex")
    no_ignore = sa.Column("no_ignore", sa.Boolean, nullable=False, server_default=sa.text("false"))
    op.add_column("repositories", no_ignore, schema="pgdex")


def downgrade() -> None:
    # It shows the column; installing the objects of the older release does not make it.
    op.execute("drop view if exists pgdex.repositories_status")
    op.drop_column("repositories", "no_ignore", schema="pgdex")
    op.drop_column("indexing_jobs", "ignored", schema="pgdex")
