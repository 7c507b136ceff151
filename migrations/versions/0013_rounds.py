"""A job that nobody sees is given up after some rounds, and vector indexes are dropped by one worker at a time.

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    rounds = sa.Column("unseen_rounds", sa.SmallInteger, nullable=False, server_default=sa.text("0"))
    op.add_column("indexing_jobs", rounds, schema="pgdex")
    op.execute("insert into pgdex.cluster_duties (name) values ('vector_indexes')")


def downgrade() -> None:
    op.execute("delete from pgdex.cluster_duties where name = 'vector_indexes'")
    op.drop_column("indexing_jobs", "unseen_rounds", schema="pgdex")
