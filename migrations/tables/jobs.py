"""Jobs, their batches, and their history."""

from sqlalchemy import (
    BigInteger,
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
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from pgdex.migrations.tables.columns import amount, count, flag, metadata, timestamp

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


indexing_jobs = Table(
    "indexing_jobs",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=func.gen_random_uuid()),
    Column("view_id", BigInteger, ForeignKey("pgdex.views.id", ondelete="CASCADE"), nullable=False),
    Column("project_id", Text, nullable=False),
    Column("repo_path", Text, nullable=False),
    Column("queue_number", BigInteger, Identity(always=True), nullable=False),
    flag("waits_for_admission"),
    Column("status", Text, nullable=False, server_default=text("'pending'")),
    flag("force_reindex"),
    Column("only_paths", ARRAY(Text)),
    Column("commit_id", Text),
    flag("embed_all"),
    Column("embedder", Text),
    flag("embedder_allowed"),
    Column("model_id", SmallInteger, ForeignKey("pgdex.embedding_models.id")),
    *(count(name) for name in COUNTERS),
    count("chunks_created", wide=True),
    count("bytes_total", wide=True),
    count("bytes_done", wide=True),
    count("batches_left"),
    amount("progress_floor"),
    amount("recent_bytes"),
    amount("recent_files"),
    timestamp("last_commit_at"),
    timestamp("last_event_at"),
    count("last_event_files"),
    Column("error_type", Text),
    Column("error_message", Text),
    Column("error_traceback", Text),
    Column("blocked_reason", Text),
    amount("probe_delay", "1"),
    count("probe_number", wide=True),
    amount("probe_wait", "1"),
    amount("seconds_waited"),
    timestamp("next_probe_at"),
    timestamp("blocked_since"),
    timestamp("created_at", default=True),
    timestamp("admitted_at"),
    timestamp("started_at"),
    timestamp("scanned_at"),
    timestamp("completed_at"),
    timestamp("cancelled_at"),
    Column("summary", JSONB),
    Column("seconds_by_phase", JSONB, nullable=False, server_default=text("'{}'")),
    count("files_kept"),
    Column("kept_by_reason", JSONB, nullable=False, server_default=text("'{}'")),
    count("files_outdated"),
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
    count("attempt"),
    count("reclaimed"),
    Column("wake_up_id", BigInteger),
    Column("worker_id", BigInteger),
    Column("phase", Text),
    Column("path_in_progress", Text),
    Column("crash_counts", JSONB, nullable=False, server_default=text("'{}'")),
    Column("paths", ARRAY(Text)),
    Column("blob_ids", ARRAY(LargeBinary)),
    count("files_total"),
    count("bytes_total", wide=True),
    count("files_found"),
    count("files_chunked"),
    count("files_embedded"),
    Column("seconds", JSONB),
    timestamp("started_at"),
    timestamp("completed_at"),
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

kept_embeddings = Table(
    "kept_embeddings",
    metadata,
    Column(
        "job_id",
        Uuid,
        ForeignKey("pgdex.indexing_jobs.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("text_hash", Uuid, primary_key=True),
    Column("embedding", LargeBinary, nullable=False),
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
    timestamp("created_at", default=True),
)
Index("job_events_job_idx", job_events.c.job_id, job_events.c.id)
