"""Lexical search by real BM25: terms are numbers, and each chunk keeps how much each of its terms counts.

What was indexed before has neither, and vectors of `hashing` are made differently now: each repository is as if no
model had been used for it yet, so that its next job reads and embeds every file again.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INDEX_AGAIN = "update pgdex.repositories set model_id = null, embedding_model = null, embedding_dimension = null"


def upgrade() -> None:
    op.execute("alter table pgdex.chunks drop column lexemes")
    op.execute("alter table pgdex.chunks add column lexemes integer[] not null default '{}'")
    op.execute("alter table pgdex.chunks add column term_weights sparsevec")
    op.execute(INDEX_AGAIN)


def downgrade() -> None:
    op.execute("alter table pgdex.chunks drop column term_weights")
    op.execute("alter table pgdex.chunks drop column lexemes")
    op.execute("alter table pgdex.chunks add column lexemes tsvector not null default ''")
    op.execute("alter table pgdex.chunks alter column lexemes drop default")
    op.execute(INDEX_AGAIN)
