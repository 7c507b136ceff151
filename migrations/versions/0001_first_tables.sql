-- The tables of revision 0001. migrations/tables.py describes them as they are now; this file never changes
-- (but for the schema of pgvector, which need not be on the search path).

-- No foreign key to files: checking it for each of 220,000 rows costs about as much as writing them.
-- Partitions are made by pgdex.ensure_chunk_partition, one for each repository.
CREATE TABLE pgdex.chunks (
    repository_id BIGINT NOT NULL,
    file_id BIGINT NOT NULL,
    ordinal INTEGER NOT NULL,
    start_line INTEGER NOT NULL,
    end_line INTEGER NOT NULL,
    kind TEXT NOT NULL,
    symbol TEXT,
    content TEXT NOT NULL,
    lexemes TSVECTOR NOT NULL,
    embedding @extschema:vector@.HALFVEC,
    model_id SMALLINT,
    PRIMARY KEY (repository_id, file_id, ordinal),
    CONSTRAINT lines_in_order CHECK (start_line >= 1 AND end_line >= start_line)
)
 PARTITION BY LIST (repository_id);

CREATE TABLE pgdex.embedding_models (
    id SMALLINT GENERATED ALWAYS AS IDENTITY,
    name TEXT NOT NULL,
    dimension INTEGER NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (name, dimension),
    CONSTRAINT dimension_positive CHECK (dimension > 0)
);

CREATE TABLE pgdex.projects (
    id TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE pgdex.settings (
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (name)
);

CREATE TABLE pgdex.workers (
    id BIGINT NOT NULL,
    hostname TEXT NOT NULL,
    pid INTEGER NOT NULL,
    session_lock BOOLEAN DEFAULT false NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE pgdex.repositories (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    root TEXT NOT NULL,
    model_id SMALLINT,
    embedding_model TEXT,
    embedding_dimension INTEGER,
    last_job_id UUID,
    last_indexed_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (project_id, root),
    FOREIGN KEY(project_id) REFERENCES pgdex.projects (id),
    FOREIGN KEY(model_id) REFERENCES pgdex.embedding_models (id)
);

CREATE TABLE pgdex.files (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    repository_id BIGINT NOT NULL,
    path TEXT COLLATE "C" NOT NULL,
    language TEXT,
    size BIGINT,
    mtime_ns BIGINT,
    content_hash BYTEA,
    chunks INTEGER DEFAULT 0 NOT NULL,
    skip_reason TEXT,
    skip_detail TEXT,
    indexed_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (repository_id, path),
    CONSTRAINT skipped_files_have_no_chunks CHECK (skip_reason IS NULL OR chunks = 0),
    FOREIGN KEY(repository_id) REFERENCES pgdex.repositories (id) ON DELETE CASCADE
);

CREATE INDEX files_skipped_idx ON pgdex.files (repository_id, skip_reason) WHERE skip_reason IS NOT NULL;

CREATE TABLE pgdex.indexing_jobs (
    id UUID DEFAULT gen_random_uuid() NOT NULL,
    repository_id BIGINT NOT NULL,
    project_id TEXT NOT NULL,
    repo_path TEXT NOT NULL,
    status TEXT DEFAULT 'pending' NOT NULL,
    force_reindex BOOLEAN DEFAULT false NOT NULL,
    embed_all BOOLEAN DEFAULT false NOT NULL,
    embedder TEXT,
    model_id SMALLINT,
    files_scanned INTEGER DEFAULT 0 NOT NULL,
    files_to_index INTEGER DEFAULT 0 NOT NULL,
    files_done INTEGER DEFAULT 0 NOT NULL,
    files_indexed INTEGER DEFAULT 0 NOT NULL,
    files_skipped INTEGER DEFAULT 0 NOT NULL,
    files_unchanged INTEGER DEFAULT 0 NOT NULL,
    files_deleted INTEGER DEFAULT 0 NOT NULL,
    chunks_created BIGINT DEFAULT 0 NOT NULL,
    bytes_total BIGINT DEFAULT 0 NOT NULL,
    bytes_done BIGINT DEFAULT 0 NOT NULL,
    batches_left INTEGER DEFAULT 0 NOT NULL,
    progress_floor FLOAT(53) DEFAULT 0 NOT NULL,
    recent_bytes FLOAT(53) DEFAULT 0 NOT NULL,
    recent_files FLOAT(53) DEFAULT 0 NOT NULL,
    last_commit_at TIMESTAMP WITH TIME ZONE,
    last_event_at TIMESTAMP WITH TIME ZONE,
    last_event_files INTEGER DEFAULT 0 NOT NULL,
    error_type TEXT,
    error_message TEXT,
    error_traceback TEXT,
    blocked_reason TEXT,
    probe_delay FLOAT(53) DEFAULT 1 NOT NULL,
    next_probe_at TIMESTAMP WITH TIME ZONE,
    blocked_since TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    admitted_at TIMESTAMP WITH TIME ZONE,
    started_at TIMESTAMP WITH TIME ZONE,
    scanned_at TIMESTAMP WITH TIME ZONE,
    completed_at TIMESTAMP WITH TIME ZONE,
    cancelled_at TIMESTAMP WITH TIME ZONE,
    summary JSONB,
    PRIMARY KEY (id),
    CONSTRAINT status_known CHECK (status IN ('pending', 'running', 'completed', 'failed', 'cancelled', 'blocked')),
    CONSTRAINT indexed_within_scanned CHECK (files_indexed <= files_scanned),
    CONSTRAINT done_within_planned CHECK (files_done <= files_to_index),
    CONSTRAINT files_counted_once CHECK (files_indexed + files_skipped + files_unchanged <= files_scanned),
    CONSTRAINT progress_is_a_percentage CHECK (progress_floor BETWEEN 0 AND 100),
    CONSTRAINT failed_says_why CHECK (status <> 'failed' OR (error_message <> '' AND error_type <> '') IS TRUE),
    CONSTRAINT blocked_says_for_what CHECK (status <> 'blocked' OR (blocked_reason <> '' AND next_probe_at IS NOT NULL) IS TRUE),
    CONSTRAINT completed_has_a_summary CHECK (status <> 'completed' OR (summary ?& ARRAY['files_found', 'files_indexed', 'files_unchanged', 'files_skipped', 'skipped_by_reason', 'files_deleted', 'chunks_created', 'duration_seconds', 'seconds'] AND files_indexed + files_skipped + files_unchanged = files_scanned) IS TRUE),
    FOREIGN KEY(repository_id) REFERENCES pgdex.repositories (id) ON DELETE CASCADE,
    FOREIGN KEY(model_id) REFERENCES pgdex.embedding_models (id)
);

CREATE INDEX indexing_jobs_live_idx ON pgdex.indexing_jobs (status, created_at) WHERE status IN ('pending', 'running', 'blocked');
CREATE INDEX indexing_jobs_newest_idx ON pgdex.indexing_jobs (created_at DESC, id);
CREATE UNIQUE INDEX indexing_jobs_one_live_per_repository ON pgdex.indexing_jobs (repository_id) WHERE status IN ('pending', 'running', 'blocked');
CREATE INDEX indexing_jobs_project_idx ON pgdex.indexing_jobs (project_id, created_at DESC, id);
CREATE INDEX indexing_jobs_repository_idx ON pgdex.indexing_jobs (repository_id, created_at DESC);
CREATE INDEX indexing_jobs_status_idx ON pgdex.indexing_jobs (status, created_at DESC, id);

CREATE TABLE pgdex.job_batches (
    job_id UUID NOT NULL,
    seq INTEGER NOT NULL,
    kind TEXT NOT NULL,
    state TEXT DEFAULT 'waiting' NOT NULL,
    attempt INTEGER DEFAULT 0 NOT NULL,
    reclaimed INTEGER DEFAULT 0 NOT NULL,
    token_id BIGINT,
    worker_id BIGINT,
    phase TEXT,
    paths TEXT[],
    file_ids BIGINT[],
    files_total INTEGER DEFAULT 0 NOT NULL,
    bytes_total BIGINT DEFAULT 0 NOT NULL,
    files_found INTEGER DEFAULT 0 NOT NULL,
    files_chunked INTEGER DEFAULT 0 NOT NULL,
    files_embedded INTEGER DEFAULT 0 NOT NULL,
    seconds JSONB,
    started_at TIMESTAMP WITH TIME ZONE,
    completed_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (job_id, seq),
    CONSTRAINT kind_known CHECK (kind IN ('scan', 'index', 'finish')),
    CONSTRAINT state_known CHECK (state IN ('waiting', 'running', 'completed', 'cancelled')),
    CONSTRAINT the_scan_is_number_zero CHECK ((kind = 'scan') = (seq = 0)),
    FOREIGN KEY(job_id) REFERENCES pgdex.indexing_jobs (id) ON DELETE CASCADE
);

CREATE INDEX job_batches_open_idx ON pgdex.job_batches (job_id, seq) WHERE state IN ('waiting', 'running');
CREATE INDEX job_batches_running_idx ON pgdex.job_batches (job_id, worker_id) WHERE state = 'running';
CREATE INDEX job_batches_token_idx ON pgdex.job_batches (token_id) WHERE state IN ('waiting', 'running');

CREATE TABLE pgdex.job_events (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    job_id UUID NOT NULL,
    event_type TEXT NOT NULL,
    event_data JSONB DEFAULT '{}'::jsonb NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(job_id) REFERENCES pgdex.indexing_jobs (id) ON DELETE CASCADE
);

CREATE INDEX job_events_job_idx ON pgdex.job_events (job_id, id);

alter table pgdex.workers
    add constraint workers_id_fkey foreign key (id) references pgdex.procrastinate_workers (id) on delete cascade;
