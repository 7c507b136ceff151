"""Lexical search by real BM25: terms are numbers, and each chunk keeps how much each of its terms counts.

What was indexed before has neither, so the next job of each repository reads every file again.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

READ_AGAIN = "update pgdex.files set content_hash = null, mtime_ns = null where skip_reason is null"


def upgrade() -> None:
    op.execute("alter table pgdex.chunks drop column lexemes")
    op.execute("alter table pgdex.chunks add column lexemes integer[] not null default '{}'")
    op.execute("alter table pgdex.chunks add column term_weights sparsevec")
    op.execute(READ_AGAIN)


def downgrade() -> None:
    op.execute("alter table pgdex.chunks drop column term_weights")
    op.execute("alter table pgdex.chunks drop column lexemes")
    op.execute("alter table pgdex.chunks add column lexemes tsvector not null default ''")
    op.execute("alter table pgdex.chunks alter column lexemes drop default")
    op.execute(READ_AGAIN)
