"""Chunks lie in tables that statements name, small repositories in shared ones; repositories can be removed.

`chunks` was partitioned by repository, and PostgreSQL locks every partition when it plans a statement that names the
parent: with 3,000 repositories one search took 9,004 locks, and four at once filled the server's lock table. Now
`chunks` is the empty parent of ordinary tables (by inheritance), which people may read; pgdex itself names the tables.
Making or dropping one locks nothing that a search or a job waits for.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

SHARED_TABLES = 32
LARGEST_SHARED = 10_000
COLUMNS = (
    "repository_id, file_id, ordinal, start_line, end_line, kind, symbol, content, embedding, model_id, lexemes,"
    " term_weights"
)
PARTITIONS = """
    select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'pgdex.chunks_by_repository'::regclass order by c.oid
"""
# What a partition brings along: itself, its TOAST table, and the indexes of both.
LOCKS_OF_A_PARTITION = 6
ROOM = """
    select (select count(*) from pg_inherits where inhparent = 'pgdex.chunks'::regclass),
        current_setting('max_locks_per_transaction')::int
            * (current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int),
        current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int
"""


def upgrade() -> None:
    _require_locks()
    op.add_column("repositories", sa.Column("chunk_table", sa.Text), schema="pgdex")
    chunks = sa.Column("chunks", sa.BigInteger, nullable=False, server_default=sa.text("0"))
    op.add_column("repositories", chunks, schema="pgdex")
    op.add_column("repositories", sa.Column("removed_at", sa.DateTime(timezone=True)), schema="pgdex")
    op.execute("alter table pgdex.repositories drop constraint repositories_project_id_root_key")
    op.execute(
        "create unique index repositories_root_idx on pgdex.repositories (project_id, root) where removed_at is null"
    )
    op.execute("create index repositories_removed_idx on pgdex.repositories (id) where removed_at is not null")
    op.execute(
        "update pgdex.repositories r set chunks = f.chunks"
        " from (select repository_id, sum(chunks) as chunks from pgdex.files group by repository_id) as f"
        " where f.repository_id = r.id"
    )
    op.create_table(
        "vector_index_builds",
        sa.Column(
            "repository_id",
            sa.BigInteger,
            sa.ForeignKey("pgdex.repositories.id", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("failures", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("error", sa.Text),
        sa.Column("failed_at", sa.DateTime(timezone=True)),
        schema="pgdex",
    )
    _rename("chunks", "chunks_by_repository")
    op.execute(
        "create table pgdex.chunks (like pgdex.chunks_by_repository including all excluding indexes,"
        " primary key (repository_id, file_id, ordinal))"
    )
    for number in range(SHARED_TABLES):
        name = f"chunks_s{number:02}"
        op.execute(f"create table pgdex.{name} (like pgdex.chunks including all)")
        # Filled row by row: a long list of entries that wait to be put in order would be read by every search.
        op.execute(
            f"create index {name}_lexemes on pgdex.{name} using gin (lexemes) with (gin_pending_list_limit = 1024)"
        )
        op.execute(f"alter table pgdex.{name} inherit pgdex.chunks")
    op.execute("alter table pgdex.chunks add constraint rows_are_in_tables_of_their_own check (false) no inherit")
    for (table,) in op.get_bind().execute(sa.text(PARTITIONS)).fetchall():
        _take_over(table)
    op.execute("drop table pgdex.chunks_by_repository")


def _require_locks() -> None:
    reason = why_not(*op.get_bind().execute(sa.text(ROOM)).one())
    if reason is not None:
        raise RuntimeError(reason)


def why_not(partitions: int, locks: int, sessions: int) -> str | None:
    """Why this upgrade would run out of locks on a server that has room for so many, for so many sessions."""
    needed = partitions * LOCKS_OF_A_PARTITION + 1000
    if needed <= locks:
        return None
    return (
        f"this upgrade changes the tables of {partitions:,} repositories at once, for which PostgreSQL needs room "
        f"for {needed:,} locks, and has it for {locks:,}. Set max_locks_per_transaction to "
        f"{-(-needed // sessions)} or more, restart the server, and upgrade again; afterwards the setting can go "
        "back to what it was"
    )


def _take_over(table: str) -> None:
    """Keep the partition of a large repository as a table of its own; move a small one to a shared table."""
    bind = op.get_bind()
    repository_id = int(table.removeprefix("chunks_r"))
    op.execute(f"alter table pgdex.chunks_by_repository detach partition pgdex.{table}")
    chunks = bind.execute(sa.text(f"select count(*) from pgdex.{table}")).scalar_one()
    if chunks > LARGEST_SHARED:
        op.execute(f"alter table pgdex.{table} inherit pgdex.chunks")
        kept = table
    else:
        kept = bind.execute(
            sa.text(
                "select 'chunks_s' || lpad((hashtext(project_id) & 2147483647) % :tables || '', 2, '0')"
                " from pgdex.repositories where id = :id"
            ),
            {"id": repository_id, "tables": SHARED_TABLES},
        ).scalar_one()
        op.execute(f"insert into pgdex.{kept} ({COLUMNS}) select {COLUMNS} from pgdex.{table}")
        op.execute(f"drop table pgdex.{table}")
    bind.execute(
        sa.text("update pgdex.repositories set chunk_table = :table, chunks = :chunks where id = :id"),
        {"id": repository_id, "table": kept, "chunks": chunks},
    )


def downgrade() -> None:
    bind = op.get_bind()
    op.execute("delete from pgdex.repositories where removed_at is not null")  # their rows go on being removed below
    rows = bind.execute(
        sa.text("select id, chunk_table from pgdex.repositories where chunk_table is not null order by id")
    ).fetchall()
    _rename("chunks", "chunks_in_tables")
    op.execute(
        "create table pgdex.chunks (like pgdex.chunks_s00 including all excluding indexes,"
        " primary key (repository_id, file_id, ordinal)) partition by list (repository_id)"
    )
    for repository_id, table in rows:
        own = f"chunks_r{repository_id}"
        if table == own:
            op.execute(f"alter table pgdex.{own} no inherit pgdex.chunks_in_tables")
        else:
            op.execute(f"create table pgdex.{own} (like pgdex.chunks including all)")
            op.execute(
                f"insert into pgdex.{own} ({COLUMNS}) select {COLUMNS} from pgdex.{table}"
                f" where repository_id = {repository_id}"
            )
            op.execute(f"create index {own}_lexemes on pgdex.{own} using gin (lexemes)")
            op.execute(
                f"alter table pgdex.{own} add constraint {own}_repository check (repository_id = {repository_id})"
            )
        op.execute(f"alter table pgdex.chunks attach partition pgdex.{own} for values in ({repository_id})")
    op.execute("drop table pgdex.chunks_in_tables cascade")
    op.drop_table("vector_index_builds", schema="pgdex")
    # They show the columns; installing the objects of the older release makes them again.
    op.execute("drop view if exists pgdex.job_status, pgdex.skipped_files")
    op.execute("drop index pgdex.repositories_root_idx")
    op.execute("alter table pgdex.repositories add unique (project_id, root)")
    for column in ("removed_at", "chunks", "chunk_table"):
        op.drop_column("repositories", column, schema="pgdex")


def _rename(table: str, name: str) -> None:
    """With its primary key, whose name the new table's will want."""
    op.execute(f"alter table pgdex.{table} rename to {name}")
    op.execute(f"alter index pgdex.{table}_pkey rename to {name}_pkey")
