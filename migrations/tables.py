"""The tables of pgdex as SQLAlchemy metadata: what `alembic check` holds the database against.

The statements that make them are in `versions/`; functions, views and triggers are in the folder `sql`.
"""

from pgvector.sqlalchemy import HALFVEC, SPARSEVEC
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

SCHEMA = "pgdex"
LIVE = "status IN ('pending', 'running', 'blocked')"
FINAL = "status IN ('completed', 'failed', 'cancelled')"
COUNTERS = (
    "files_scanned",
    "files_to_index",
    "files_done",
    "files_indexed",
    "files_skipped",
    "files_unchanged",
    "files_deleted",
)

metadata = MetaData(schema=SCHEMA)


def _timestamp(name: str, *, default: bool = False) -> Column[object]:
    """A point in time; with `default`, the moment of the insert."""
    kind = DateTime(timezone=True)
    if default:
        return Column(name, kind, nullable=False, server_default=func.clock_timestamp())
    return Column(name, kind)


def _count(name: str, *, wide: bool = False) -> Column[int]:
    kind = BigInteger() if wide else Integer()
    return Column(name, kind, nullable=False, server_default=text("0"))


def _amount(name: str, default: str = "0") -> Column[float]:
    return Column(name, Float(53), nullable=False, server_default=text(default))


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False, server_default=text("false"))


settings = Table(
    "settings",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

# What one worker at a time does for the whole cluster. Its row is the lock (only workers may lock it: an advisory lock
# could be held by anyone who may log in), and `counter` says how often it was done, for peers who look at their own
# clocks.
cluster_duties = Table(
    "cluster_duties",
    metadata,
    Column("name", Text, primary_key=True),
    _count("counter", wide=True),
)

# A row is made when a job of the project is first admitted, and not when one is enqueued: `turn` is the number of its
# last admission, for the project whose turn is the longest ago to be the next.
projects = Table(
    "projects",
    metadata,
    Column("id", Text, primary_key=True),
    _count("turn", wide=True),
    _timestamp("created_at", default=True),
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
    _flag("has_older_vectors"),
    _timestamp("created_at", default=True),
    # Which table its chunks lie in, chunks_sNN or chunks_rID; null until the first scan. How many it had when its last
    # job ended.
    Column("chunk_table", Text),
    _count("chunks", wide=True),
    _timestamp("removed_at"),
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
    Column("kind", Text, nullable=False, server_default=text("'folder'")),
    Column("is_main", Boolean, nullable=False, server_default=text("true")),
    _flag("is_default"),
    Column("branch", Text),
    Column("commit_id", Text),
    _flag("no_ignore"),
    _flag("follows_submodules"),
    Column("submodule_of", ARRAY(Text)),
    Column("witness", JSONB),
    _count("chunks", wide=True),
    Column("last_job_id", Uuid),
    _timestamp("last_indexed_at"),
    _timestamp("created_at", default=True),
    _timestamp("missing_since"),
    _timestamp("removed_at"),
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
    _timestamp("next_at"),
    _timestamp("last_at"),
    Column("last_job_id", Uuid),
    _count("failures"),
    Column("error", Text),
    _timestamp("created_at", default=True),
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
    _count("failures"),
    Column("error", Text),
    _timestamp("failed_at"),
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
    _count("chunks"),
    Column("model_id", SmallInteger),
    Column("index_format", SmallInteger, nullable=False, server_default=text("0")),
    Column("path", Text(collation="C"), nullable=False),
    Column("language", Text),
    Column("content_hash", LargeBinary, nullable=False),
    Column("blob_id", LargeBinary),
    Column("skip_reason", Text),
    Column("skip_detail", Text),
    _timestamp("unused_since"),
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
    _timestamp("indexed_at", default=True),
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

indexing_jobs = Table(
    "indexing_jobs",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=func.gen_random_uuid()),
    Column("view_id", BigInteger, ForeignKey("pgdex.views.id", ondelete="CASCADE"), nullable=False),
    Column("project_id", Text, nullable=False),
    Column("repo_path", Text, nullable=False),
    Column("queue_number", BigInteger, Identity(always=True), nullable=False),
    _flag("waits_for_admission"),
    Column("status", Text, nullable=False, server_default=text("'pending'")),
    _flag("force_reindex"),
    Column("only_paths", ARRAY(Text)),
    Column("commit_id", Text),
    _flag("embed_all"),
    Column("embedder", Text),
    _flag("embedder_allowed"),
    Column("model_id", SmallInteger, ForeignKey("pgdex.embedding_models.id")),
    *(_count(name) for name in COUNTERS),
    _count("chunks_created", wide=True),
    _count("bytes_total", wide=True),
    _count("bytes_done", wide=True),
    _count("batches_left"),
    _amount("progress_floor"),
    _amount("recent_bytes"),
    _amount("recent_files"),
    _timestamp("last_commit_at"),
    _timestamp("last_event_at"),
    _count("last_event_files"),
    Column("error_type", Text),
    Column("error_message", Text),
    Column("error_traceback", Text),
    Column("blocked_reason", Text),
    _amount("probe_delay", "1"),
    _count("probe_number", wide=True),
    _amount("probe_wait", "1"),
    _amount("seconds_waited"),
    _timestamp("next_probe_at"),
    _timestamp("blocked_since"),
    _timestamp("created_at", default=True),
    _timestamp("admitted_at"),
    _timestamp("started_at"),
    _timestamp("scanned_at"),
    _timestamp("completed_at"),
    _timestamp("cancelled_at"),
    Column("summary", JSONB),
    Column("seconds_by_phase", JSONB, nullable=False, server_default=text("'{}'")),
    _count("files_kept"),
    Column("kept_by_reason", JSONB, nullable=False, server_default=text("'{}'")),
    _count("files_outdated"),
    Column("witness", JSONB),
    Column("unseen_by", JSONB, nullable=False, server_default=text("'{}'")),
    Column("unseen_rounds", SmallInteger, nullable=False, server_default=text("0")),
    Column("ignored", JSONB),
    Column("submodules", JSONB),
    CheckConstraint(
        "status IN ('pending', 'running', 'completed', 'failed', 'cancelled', 'blocked')",
        name="status_known",
    ),
    CheckConstraint("files_indexed <= files_scanned", name="indexed_within_scanned"),
    CheckConstraint("files_done <= files_to_index", name="done_within_planned"),
    CheckConstraint(
        "files_indexed + files_skipped + files_unchanged <= files_scanned",
        name="files_counted_once",
    ),
    CheckConstraint("progress_floor BETWEEN 0 AND 100", name="progress_is_a_percentage"),
    CheckConstraint(
        "status <> 'failed' OR (error_message <> '' AND error_type <> '') IS TRUE",
        name="failed_says_why",
    ),
    CheckConstraint(
        "status <> 'blocked' OR (blocked_reason <> '' AND next_probe_at IS NOT NULL) IS TRUE",
        name="blocked_says_for_what",
    ),
    CheckConstraint(
        "status <> 'completed' OR (summary ?& ARRAY['files_found', 'files_indexed', 'files_unchanged',"
        " 'files_skipped', 'skipped_by_reason', 'files_deleted', 'chunks_created', 'duration_seconds',"
        " 'seconds'] AND files_indexed + files_skipped + files_unchanged = files_scanned) IS TRUE",
        name="completed_has_a_summary",
    ),
)
Index(
    "indexing_jobs_one_live_per_view",
    indexing_jobs.c.view_id,
    unique=True,
    postgresql_where=text(LIVE),
)
Index(
    "indexing_jobs_live_idx",
    indexing_jobs.c.status,
    indexing_jobs.c.created_at,
    postgresql_where=text(LIVE),
)
Index(
    "indexing_jobs_waiting_idx",
    indexing_jobs.c.project_id,
    indexing_jobs.c.status,
    indexing_jobs.c.queue_number,
    postgresql_where=text("waits_for_admission"),
)
Index(
    "indexing_jobs_admitted_idx",
    indexing_jobs.c.id,
    postgresql_where=text("status IN ('pending', 'running') AND admitted_at IS NOT NULL"),
)
Index("indexing_jobs_newest_idx", indexing_jobs.c.created_at.desc(), indexing_jobs.c.id)
Index(
    "indexing_jobs_project_idx",
    indexing_jobs.c.project_id,
    indexing_jobs.c.created_at.desc(),
    indexing_jobs.c.id,
)
Index(
    "indexing_jobs_status_idx",
    indexing_jobs.c.status,
    indexing_jobs.c.created_at.desc(),
    indexing_jobs.c.id,
)
Index(
    "indexing_jobs_view_idx",
    indexing_jobs.c.view_id,
    indexing_jobs.c.created_at.desc(),
)
Index(
    "indexing_jobs_ended_idx",
    func.coalesce(indexing_jobs.c.completed_at, indexing_jobs.c.cancelled_at),
    postgresql_where=text(FINAL),
)

job_batches = Table(
    "job_batches",
    metadata,
    Column(
        "job_id",
        Uuid,
        ForeignKey("pgdex.indexing_jobs.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("seq", Integer, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False, server_default=text("'waiting'")),
    _count("attempt"),
    _count("reclaimed"),
    Column("wake_up_id", BigInteger),
    Column("worker_id", BigInteger),
    Column("phase", Text),
    Column("path_in_progress", Text),
    Column("crash_counts", JSONB, nullable=False, server_default=text("'{}'")),
    Column("paths", ARRAY(Text)),
    Column("blob_ids", ARRAY(LargeBinary)),
    _count("files_total"),
    _count("bytes_total", wide=True),
    _count("files_found"),
    _count("files_chunked"),
    _count("files_embedded"),
    Column("seconds", JSONB),
    _timestamp("started_at"),
    _timestamp("completed_at"),
    CheckConstraint("kind IN ('scan', 'index', 'finish')", name="kind_known"),
    CheckConstraint("state IN ('waiting', 'running', 'completed', 'cancelled')", name="state_known"),
    CheckConstraint("(kind = 'scan') = (seq = 0)", name="the_scan_is_number_zero"),
)
Index(
    "job_batches_open_idx",
    job_batches.c.job_id,
    job_batches.c.seq,
    postgresql_where=text("state IN ('waiting', 'running')"),
)
Index(
    "job_batches_running_idx",
    job_batches.c.job_id,
    job_batches.c.worker_id,
    postgresql_where=text("state = 'running'"),
)
Index(
    "job_batches_wake_up_idx",
    job_batches.c.wake_up_id,
    postgresql_where=text("state IN ('waiting', 'running')"),
)

job_events = Table(
    "job_events",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column(
        "job_id",
        Uuid,
        ForeignKey("pgdex.indexing_jobs.id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("event_type", Text, nullable=False),
    Column("event_data", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    _timestamp("created_at", default=True),
)
Index("job_events_job_idx", job_events.c.job_id, job_events.c.id)

# What procrastinate does not keep of a worker. `beat` rises with each heartbeat: peers note on their own clocks when
# they saw it change. `beat_at` is for people; no clock of a server decides who lives, and neither does procrastinate's
# last_heartbeat. No foreign key in the metadata, because procrastinate's tables are not part of it.
workers = Table(
    "workers",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("hostname", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    _flag("session_lock"),
    _count("beat", wide=True),
    _timestamp("started_at", default=True),
    _timestamp("beat_at", default=True),
)
