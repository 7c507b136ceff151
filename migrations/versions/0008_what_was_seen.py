"""Each file notes what it was indexed with; jobs and repositories note what their tree is known by, and who does not
see it.

Revision ID: 0008
Revises: 0005
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision = "0005"
branch_labels = None
depends_on = None


def _columns() -> dict[str, list[sa.Column[Any]]]:
    def count(name: str, kind: type[sa.Integer] = sa.Integer) -> sa.Column[Any]:
        return sa.Column(name, kind, nullable=False, server_default=sa.text("0"))

    def by_key(name: str) -> sa.Column[Any]:
        return sa.Column(name, JSONB, nullable=False, server_default=sa.text("'{}'"))

    return {
        "indexing_jobs": [
            count("files_kept"),
            by_key("kept_by_reason"),
            count("files_outdated"),
            sa.Column("witness", JSONB),
            by_key("unseen_by"),
        ],
        "repositories": [
            sa.Column("witness", JSONB),
            sa.Column("has_older_vectors", sa.Boolean, nullable=False, server_default=sa.text("false")),
        ],
        # No foreign key to the models, as in chunks: checking it for every file costs more than it is worth.
        "files": [sa.Column("model_id", sa.SmallInteger), count("index_format", sa.SmallInteger)],
    }


# A file's chunks were always written at once, with one model. Files without chunks are read again, which is cheap.
WHAT_FILES_HAVE = """
    update pgdex.files f set model_id = c.model_id, index_format = 1
    from (select repository_id, file_id, min(model_id) as model_id from pgdex.chunks group by 1, 2) as c
    where f.repository_id = c.repository_id and f.id = c.file_id
"""
WHO_IS_BEHIND = """
    update pgdex.repositories r set has_older_vectors = true
    where exists (
        select from pgdex.files f
        where f.repository_id = r.id and f.chunks > 0 and f.model_id is distinct from r.model_id
    )
"""


def upgrade() -> None:
    for table, columns in _columns().items():
        for column in columns:
            op.add_column(table, column, schema="pgdex")
    op.execute(WHAT_FILES_HAVE)
    op.execute("update pgdex.files set index_format = 1 where skip_reason is not null")
    op.execute(WHO_IS_BEHIND)


def downgrade() -> None:
    # It shows some of them; installing the objects of the older release makes it anew.
    op.execute("drop view if exists pgdex.job_status")
    for table, columns in _columns().items():
        for column in columns:
            op.drop_column(table, column.name, schema="pgdex")
