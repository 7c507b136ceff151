"""What is indexed."""

from pgvector.sqlalchemy import HALFVEC, SPARSEVEC
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from pgdex.migrations.tables.columns import count, flag, metadata, timestamp

# A row is made when a job of the project is first admitted, and not when one is enqueued: `turn` is the number of its
# last admission, for the project whose turn is the longest ago to be the next.
projects = Table(
    "projects",
    metadata,
    Column("id", Text, primary_key=True),
    count("turn", wide=True),
    timestamp("created_at", default=True),
)

embedding_models = Table(
    "embedding_models",
    metadata,
    Column("id", SmallInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False),
    Column("dimension", Integer, nullable=False),
    UniqueConstraint("name", "dimension"),
    CheckConstraint("dimension > 0", name="dimension_positive"),
)

# A family: the views of one git history, or one folder where there is no git. `identity` is null until the first scan.
repositories = Table(
    "repositories",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("project_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("identity", Text),
    Column("model_id", SmallInteger, ForeignKey("pgdex.embedding_models.id")),
    Column("embedding_model", Text),
    Column("embedding_dimension", Integer),
    flag("has_older_vectors"),
    timestamp("created_at", default=True),
    # Which table its chunks lie in, chunks_sNN or chunks_rID; null until the first scan. How many it had when its last
    # job ended.
    Column("chunk_table", Text),
    count("chunks", wide=True),
    timestamp("swept_at", default=True),
    timestamp("removed_at"),
)
Index(
    "repositories_identity_idx",
    repositories.c.project_id,
    repositories.c.identity,
    unique=True,
    postgresql_where=text("removed_at IS NULL"),
)
Index("repositories_removed_idx", repositories.c.id, postgresql_where=text("removed_at IS NOT NULL"))

views = Table(
    "views",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column(
        "repository_id",
        BigInteger,
        ForeignKey("pgdex.repositories.id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("project_id", Text, nullable=False),
    Column("root", Text, nullable=False),
    Column("ref", Text, nullable=False, server_default=text("''")),
    Column("name", Text, nullable=False),
    Column("identity", Text),
    Column("kind", Text, nullable=False, server_default=text("'folder'")),
    Column("is_main", Boolean, nullable=False, server_default=text("true")),
    flag("is_default"),
    Column("branch", Text),
    Column("commit_id", Text),
    flag("no_ignore"),
    flag("follows_submodules"),
    Column("submodule_of", ARRAY(Text)),
    Column("witness", JSONB),
    count("chunks", wide=True),
    Column("last_job_id", Uuid),
    timestamp("last_indexed_at"),
    timestamp("created_at", default=True),
    timestamp("missing_since"),
    timestamp("removed_at"),
    CheckConstraint("kind IN ('folder', 'worktree', 'branch', 'tag', 'commit')", name="kind_known"),
)
Index(
    "views_root_idx",
    views.c.project_id,
    views.c.root,
    views.c.ref,
    unique=True,
    postgresql_where=text("removed_at IS NULL"),
)
Index("views_repository_idx", views.c.repository_id, views.c.id)
Index("views_default_idx", views.c.repository_id, unique=True, postgresql_where=text("is_default"))
Index("views_removed_idx", views.c.id, postgresql_where=text("removed_at IS NOT NULL"))

# The submodules that views follow, each a view of its own unless `reason` says why not.
submodules = Table(
    "submodules",
    metadata,
    Column("parent_id", BigInteger, ForeignKey("pgdex.views.id", ondelete="CASCADE"), primary_key=True),
    Column("path", Text(collation="C"), primary_key=True),
    Column("view_id", BigInteger, ForeignKey("pgdex.views.id", ondelete="CASCADE")),
    Column("location", Text, nullable=False),
    Column("reason", Text),
)
Index("submodules_view_idx", submodules.c.view_id)

# Views that are indexed again and again. `failures`: how many jobs of the view have failed in a row.
schedules = Table(
    "schedules",
    metadata,
    Column(
        "view_id",
        BigInteger,
        ForeignKey("pgdex.views.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("expression", Text, nullable=False),
    timestamp("next_at"),
    timestamp("last_at"),
    Column("last_job_id", Uuid),
    count("failures"),
    Column("error", Text),
    timestamp("created_at", default=True),
)

# Builds that failed: how often in a row, and why the last time.
vector_index_builds = Table(
    "vector_index_builds",
    metadata,
    Column(
        "repository_id",
        BigInteger,
        ForeignKey("pgdex.repositories.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    count("failures"),
    Column("error", Text),
    timestamp("failed_at"),
)

versions = Table(
    "versions",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column(
        "repository_id",
        BigInteger,
        ForeignKey("pgdex.repositories.id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("size", BigInteger, nullable=False),
    count("chunks"),
    Column("model_id", SmallInteger),
    Column("index_format", SmallInteger, nullable=False, server_default=text("0")),
    Column("path", Text(collation="C"), nullable=False),
    Column("language", Text),
    Column("content_hash", LargeBinary, nullable=False),
    Column("blob_id", LargeBinary),
    Column("skip_reason", Text),
    Column("skip_detail", Text),
    timestamp("unused_since"),
    UniqueConstraint("repository_id", "path", "content_hash"),
    CheckConstraint("skip_reason IS NULL OR chunks = 0", name="skipped_files_have_no_chunks"),
)
Index(
    "versions_unused_idx",
    versions.c.repository_id,
    versions.c.unused_since,
    postgresql_where=text("unused_since IS NOT NULL"),
)

# The files of a view, each with its version; no version where the walk skips it unread.
view_files = Table(
    "view_files",
    metadata,
    Column("view_id", BigInteger, ForeignKey("pgdex.views.id", ondelete="CASCADE"), primary_key=True),
    Column("version_id", BigInteger, ForeignKey("pgdex.versions.id")),
    Column("size", BigInteger),
    Column("mtime_ns", BigInteger),
    Column("ctime_ns", BigInteger),
    Column("inode", BigInteger),
    timestamp("indexed_at", default=True),
    Column("path", Text(collation="C"), primary_key=True),
    Column("skip_reason", Text),
    Column("skip_detail", Text),
    CheckConstraint("version_id IS NOT NULL OR skip_reason IS NOT NULL", name="searchable_or_skipped"),
)
Index("view_files_version_idx", view_files.c.version_id, view_files.c.view_id)
Index(
    "view_files_skipped_idx",
    view_files.c.view_id,
    view_files.c.skip_reason,
    postgresql_where=text("skip_reason IS NOT NULL"),
)

# No foreign key to versions: checking it for each of 220,000 rows costs about as much as writing them. Chunks are
# written and removed only together with their version, in one transaction. This table is empty: the rows lie in those
# that inherit from it, chunks_s00 to chunks_s31 and one chunks_rID for each large repository.
chunks = Table(
    "chunks",
    metadata,
    Column("repository_id", BigInteger, primary_key=True),
    Column("version_id", BigInteger, primary_key=True),
    Column("ordinal", Integer, primary_key=True),
    Column("start_line", Integer, nullable=False),
    Column("end_line", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("symbol", Text),
    Column("content", Text, nullable=False),
    Column("embedding", HALFVEC),
    Column("model_id", SmallInteger),
    Column("lexemes", ARRAY(Integer), nullable=False, server_default=text("'{}'")),
    Column("term_weights", SPARSEVEC),
    CheckConstraint("start_line >= 1 AND end_line >= start_line", name="lines_in_order"),
)
