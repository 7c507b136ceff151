"""Lexical search by real BM25: terms are numbers, and each chunk keeps how much each of its terms counts.

What was indexed before has neither, and vectors of `hashing` are made differently now: each repository is as if no
model had been used for it yet, so that its next job reads and embeds every file again.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

from pgdex.migrations.objects import driver_connection
from pgdex.migrations.pgvector import vector_schema

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INDEX_AGAIN = "update pgdex.repositories set model_id = null, embedding_model = null, embedding_dimension = null"


def upgrade() -> None:
    op.execute("alter table pgdex.chunks drop column lexemes")
    op.execute("alter table pgdex.chunks add column lexemes integer[] not null default '{}'")
    pgvector = vector_schema(driver_connection(op.get_bind()))
    op.execute(f"alter table pgdex.chunks add column term_weights {pgvector}.sparsevec")
    # In the row and not beside it (unless it is huge): a search looks at the weights of some thousand chunks, and
    # fetching them from the TOAST table tripled its time. What is moved out is the text, which ten hits need.
    op.execute("alter table pgdex.chunks alter column term_weights set storage main")
    op.execute("alter table pgdex.chunks alter column embedding set storage main")
    op.execute(INDEX_AGAIN)


def downgrade() -> None:
    op.execute("alter table pgdex.chunks drop column term_weights")
    op.execute("alter table pgdex.chunks drop column lexemes")
    op.execute("alter table pgdex.chunks add column lexemes tsvector not null default ''")
    op.execute("alter table pgdex.chunks alter column lexemes drop default")
    op.execute(INDEX_AGAIN)
