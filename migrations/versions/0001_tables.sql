-- The tables of revision 0001_tables. Once it is released this file never changes: migrations/tables/ says what the
-- tables are like now. @extschema:vector@ is the schema of pgvector, which need not be on the search path.


-- What the whole cluster shares

-- Programs of all versions read this table, so its shape never changes. The row `schema_version` is what they look at.
create table pgdex.settings (
    name text primary key,
    value text not null
);

-- What one worker at a time does for all. The row is the lock: only workers may lock it, where an advisory lock could
-- be held by anybody who may log in. `counter` says how often it was done, for peers who go by their own clocks.
create table pgdex.cluster_duties (
    name text primary key,
    counter bigint not null default 0
);
insert into pgdex.cluster_duties (name)
values ('admission'), ('healing'), ('reclaiming'), ('retention'), ('vector_indexes');

-- What procrastinate does not keep of a worker. `beat` rises with each heartbeat; `beat_at` is for people.
create table pgdex.workers (
    id bigint primary key references pgdex.procrastinate_workers (id) on delete cascade,
    hostname text not null,
    pid integer not null,
    session_lock boolean not null default false,
    beat bigint not null default 0,
    started_at timestamp with time zone not null default clock_timestamp(),
    beat_at timestamp with time zone not null default clock_timestamp()
);

-- Made when a job of the project is first admitted, and not when one is enqueued: two open transactions with the same
-- new project would wait for each other. Therefore no foreign key leads here from repositories or jobs.
create table pgdex.projects (
    id text primary key,
    turn bigint not null default 0,
    created_at timestamp with time zone not null default clock_timestamp()
);


-- What is indexed

create table pgdex.embedding_models (
    id smallint generated always as identity primary key,
    name text not null,
    dimension integer not null,
    unique (name, dimension),
    constraint dimension_positive check (dimension > 0)
);

-- A repository is a family: the views of one git history, or one folder where there is no git. `identity` says which
-- (pgdex.join_family), and is null until the first scan.
create table pgdex.repositories (
    id bigint generated always as identity primary key,
    project_id text not null,
    name text not null,
    identity text,
    model_id smallint references pgdex.embedding_models (id),
    embedding_model text,
    embedding_dimension integer,
    has_older_vectors boolean not null default false,
    created_at timestamp with time zone not null default clock_timestamp(),
    chunk_table text,
    chunks bigint not null default 0,
    swept_at timestamp with time zone not null default clock_timestamp(),
    removed_at timestamp with time zone
);
-- A removed repository keeps its row until its chunks are gone; its folder can be indexed again at once.
create unique index repositories_identity_idx on pgdex.repositories (project_id, identity) where removed_at is null;
create index repositories_removed_idx on pgdex.repositories (id) where removed_at is not null;

-- A view is a list of versions: a folder or a working tree of a git repository, or (with a `ref`) what git has at a
-- branch, a tag or a commit; `root` is a folder or an address then. `missing_since`: a worker looked for its folder and it
-- was gone. `identity` is what its last scan said of its git history (pgdex.join_family). `submodule_of`: it is here only because another view has it as a submodule; the identities of the repositories
-- that lead to it, the outermost first.
create table pgdex.views (
    id bigint generated always as identity primary key,
    repository_id bigint not null references pgdex.repositories (id) on delete cascade,
    project_id text not null,
    root text not null,
    ref text not null default '',
    name text not null,
    identity text,
    kind text not null default 'folder',
    is_main boolean not null default true,
    is_default boolean not null default false,
    branch text,
    commit_id text,
    no_ignore boolean not null default false,
    follows_submodules boolean not null default false,
    submodule_of text [],
    witness jsonb,
    chunks bigint not null default 0,
    last_job_id uuid,
    last_indexed_at timestamp with time zone,
    created_at timestamp with time zone not null default clock_timestamp(),
    missing_since timestamp with time zone,
    removed_at timestamp with time zone,
    constraint kind_known check (kind in ('folder', 'worktree', 'branch', 'tag', 'commit'))
);
create unique index views_root_idx on pgdex.views (project_id, root, ref) where removed_at is null;
create index views_repository_idx on pgdex.views (repository_id, id);
create unique index views_default_idx on pgdex.views (repository_id) where is_default;
create index views_removed_idx on pgdex.views (id) where removed_at is not null;

-- The submodules that views follow: each a view of its own, or `reason` says why not.
create table pgdex.submodules (
    parent_id bigint not null references pgdex.views (id) on delete cascade,
    path text collate "C" not null,
    view_id bigint references pgdex.views (id) on delete cascade,
    location text not null,
    reason text,
    primary key (parent_id, path)
);
create index submodules_view_idx on pgdex.submodules (view_id);

-- Views that are indexed again and again, by a cron expression (UTC). `next_at` is null until a worker has seen the
-- schedule. `failures`: how many jobs of the view have failed in a row; `error` is what the last of them said.
create table pgdex.schedules (
    view_id bigint primary key references pgdex.views (id) on delete cascade,
    expression text not null,
    next_at timestamp with time zone,
    last_at timestamp with time zone,
    last_job_id uuid,
    failures integer not null default 0,
    error text,
    created_at timestamp with time zone not null default clock_timestamp()
);

create table pgdex.vector_index_builds (
    repository_id bigint primary key references pgdex.repositories (id) on delete cascade,
    failures integer not null default 0,
    error text,
    failed_at timestamp with time zone
);

-- The content of a file at a path, with what was made of it. Paths are compared byte by byte, as the scan sorts them.
-- `blob_id` is git's name of the content, if it was read as a part of a git repository. `unused_since`: no view has held
-- it since then; it is kept for a while, because branches are switched back (remove_unused_versions). No foreign key to
-- the models: checking it for every file costs more than it is worth.
create table pgdex.versions (
    id bigint generated always as identity primary key,
    repository_id bigint not null references pgdex.repositories (id) on delete cascade,
    size bigint not null,
    chunks integer not null default 0,
    model_id smallint,
    index_format smallint not null default 0,
    path text collate "C" not null,
    language text,
    content_hash bytea not null,
    blob_id bytea,
    skip_reason text,
    skip_detail text,
    unused_since timestamp with time zone,
    unique (repository_id, path, content_hash),
    constraint skipped_files_have_no_chunks check (skip_reason is null or chunks = 0)
);
create index versions_unused_idx on pgdex.versions (repository_id, unused_since) where unused_since is not null;

-- The files of a view: which version each is, and what the file system said of it. A file that the walk skips is not
-- read and has no version. The reason of a skipped version stands here too, to be counted without a join.
create table pgdex.view_files (
    view_id bigint not null references pgdex.views (id) on delete cascade,
    version_id bigint references pgdex.versions (id),
    size bigint,
    mtime_ns bigint,
    ctime_ns bigint,
    inode bigint,
    indexed_at timestamp with time zone not null default clock_timestamp(),
    path text collate "C" not null,
    skip_reason text,
    skip_detail text,
    primary key (view_id, path),
    constraint searchable_or_skipped check (version_id is not null or skip_reason is not null)
);
create index view_files_version_idx on pgdex.view_files (version_id, view_id);
create index view_files_skipped_idx on pgdex.view_files (view_id, skip_reason) where skip_reason is not null;

-- No foreign key to versions: checking it for each of 220,000 rows costs about as much as writing them.
create table pgdex.chunks (
    repository_id bigint not null,
    version_id bigint not null,
    ordinal integer not null,
    start_line integer not null,
    end_line integer not null,
    kind text not null,
    symbol text,
    content text not null,
    embedding @extschema:vector@.halfvec,
    model_id smallint,
    lexemes integer[] not null default '{}',
    term_weights @extschema:vector@.sparsevec,
    primary key (repository_id, version_id, ordinal),
    constraint lines_in_order check (start_line >= 1 and end_line >= start_line)
);
-- In the row and not beside it (unless they are huge): a search looks at the weights of some thousand chunks, and
-- fetching them from the TOAST table tripled its time. What is moved out is the text, which ten hits need.
alter table pgdex.chunks
    alter column embedding set storage main,
    alter column term_weights set storage main;

-- Chunks lie in tables that statements name: 32 that small repositories share, by project, and one for each large one
-- (pgdex.ensure_chunk_partition). `chunks` is their empty parent, which people may read. As partitions of it,
-- PostgreSQL locked all of them for any statement that named the parent: with 3,000 repositories one search took 9,004
-- locks, and four at once filled the server's lock table.
do $$
declare
    v_table text;
begin
    for v_number in 0..31 loop
        v_table := 'chunks_s' || lpad(v_number::text, 2, '0');
        execute format('create table pgdex.%I (like pgdex.chunks including all)', v_table);
        -- Filled row by row: a long list of entries that wait to be put in order would be read by every search.
        execute format(
            'create index %I on pgdex.%I using gin (lexemes) with (gin_pending_list_limit = 1024)',
            v_table || '_lexemes', v_table
        );
        execute format('alter table pgdex.%I inherit pgdex.chunks', v_table);
    end loop;
end
$$;
alter table pgdex.chunks add constraint rows_are_in_tables_of_their_own check (false) no inherit;


-- Jobs

-- `queue_number` orders jobs, not a date: the server's clock may be set. The timestamps are for people.
create table pgdex.indexing_jobs (
    id uuid primary key default gen_random_uuid(),
    view_id bigint not null references pgdex.views (id) on delete cascade,
    project_id text not null,
    repo_path text not null,

    -- its turn
    queue_number bigint not null generated always as identity,
    waits_for_admission boolean not null default false,
    status text not null default 'pending',

    -- what was asked for
    force_reindex boolean not null default false,
    only_paths text [],
    commit_id text,
    embed_all boolean not null default false,
    embedder text,
    embedder_allowed boolean not null default false,
    model_id smallint references pgdex.embedding_models (id),

    -- what was found, and how much of it is done
    files_scanned integer not null default 0,
    files_to_index integer not null default 0,
    files_done integer not null default 0,
    files_indexed integer not null default 0,
    files_skipped integer not null default 0,
    files_unchanged integer not null default 0,
    files_deleted integer not null default 0,
    chunks_created bigint not null default 0,
    bytes_total bigint not null default 0,
    bytes_done bigint not null default 0,
    batches_left integer not null default 0,
    progress_floor double precision not null default 0,
    recent_bytes double precision not null default 0,
    recent_files double precision not null default 0,
    last_commit_at timestamp with time zone,
    last_event_at timestamp with time zone,
    last_event_files integer not null default 0,

    -- why it failed; what it waits for
    error_type text,
    error_message text,
    error_traceback text,
    blocked_reason text,
    probe_delay double precision not null default 1,
    probe_number bigint not null default 0,
    probe_wait double precision not null default 1,
    seconds_waited double precision not null default 0,
    next_probe_at timestamp with time zone,
    blocked_since timestamp with time zone,

    created_at timestamp with time zone not null default clock_timestamp(),
    admitted_at timestamp with time zone,
    started_at timestamp with time zone,
    scanned_at timestamp with time zone,
    completed_at timestamp with time zone,
    cancelled_at timestamp with time zone,

    -- what it tells about the tree
    summary jsonb,
    seconds_by_phase jsonb not null default '{}',
    files_kept integer not null default 0,
    kept_by_reason jsonb not null default '{}',
    files_outdated integer not null default 0,
    witness jsonb,
    unseen_by jsonb not null default '{}',
    unseen_rounds smallint not null default 0,
    ignored jsonb,
    submodules jsonb,

    constraint status_known
    check (status in ('pending', 'running', 'completed', 'failed', 'cancelled', 'blocked')),
    constraint indexed_within_scanned check (files_indexed <= files_scanned),
    constraint done_within_planned check (files_done <= files_to_index),
    constraint files_counted_once check (files_indexed + files_skipped + files_unchanged <= files_scanned),
    constraint progress_is_a_percentage check (progress_floor between 0 and 100),
    constraint failed_says_why
    check (status <> 'failed' or (error_message <> '' and error_type <> '') is true),
    constraint blocked_says_for_what
    check (status <> 'blocked' or (blocked_reason <> '' and next_probe_at is not null) is true),
    constraint completed_has_a_summary
    check (
        status <> 'completed'
        or (
            summary ?& array[
                'files_found', 'files_indexed', 'files_unchanged', 'files_skipped', 'skipped_by_reason',
                'files_deleted', 'chunks_created', 'duration_seconds', 'seconds'
            ]
            and files_indexed + files_skipped + files_unchanged = files_scanned
        ) is true
    )
);

-- The rule that a view has one live job at most.
create unique index indexing_jobs_one_live_per_view on pgdex.indexing_jobs (view_id)
where status in ('pending', 'running', 'blocked');
create index indexing_jobs_live_idx on pgdex.indexing_jobs (status, created_at)
where status in ('pending', 'running', 'blocked');

-- Admission: who waits, in the order of a project's jobs, and how many have a place.
create index indexing_jobs_waiting_idx on pgdex.indexing_jobs (project_id, status, queue_number) where waits_for_admission;
create index indexing_jobs_admitted_idx on pgdex.indexing_jobs (id)
where status in ('pending', 'running') and admitted_at is not null;

-- Lists for people: all, of a project, in a status, of a view.
create index indexing_jobs_newest_idx on pgdex.indexing_jobs (created_at desc, id);
create index indexing_jobs_project_idx on pgdex.indexing_jobs (project_id, created_at desc, id);
create index indexing_jobs_status_idx on pgdex.indexing_jobs (status, created_at desc, id);
create index indexing_jobs_view_idx on pgdex.indexing_jobs (view_id, created_at desc);

-- Retention.
create index indexing_jobs_ended_idx on pgdex.indexing_jobs (coalesce(completed_at, cancelled_at))
where status in ('completed', 'failed', 'cancelled');

-- `attempt` is the fence around a batch's commit; `path_in_progress` and `crash_counts` find the file that ends its worker.
create table pgdex.job_batches (
    job_id uuid not null references pgdex.indexing_jobs (id) on delete cascade,
    seq integer not null,
    kind text not null,
    state text not null default 'waiting',
    attempt integer not null default 0,
    reclaimed integer not null default 0,
    wake_up_id bigint,
    worker_id bigint,
    phase text,
    path_in_progress text,
    crash_counts jsonb not null default '{}',
    paths text [],
    blob_ids bytea [],
    files_total integer not null default 0,
    bytes_total bigint not null default 0,
    files_found integer not null default 0,
    files_chunked integer not null default 0,
    files_embedded integer not null default 0,
    seconds jsonb,
    started_at timestamp with time zone,
    completed_at timestamp with time zone,
    primary key (job_id, seq),
    constraint kind_known check (kind in ('scan', 'index', 'finish')),
    constraint state_known check (state in ('waiting', 'running', 'completed', 'cancelled')),
    constraint the_scan_is_number_zero check ((kind = 'scan') = (seq = 0))
);
-- Of a job's thousands of batches, those that are over are never looked at.
create index job_batches_open_idx on pgdex.job_batches (job_id, seq) where state in ('waiting', 'running');
create index job_batches_running_idx on pgdex.job_batches (job_id, worker_id) where state = 'running';
create index job_batches_wake_up_idx on pgdex.job_batches (wake_up_id) where state in ('waiting', 'running');

-- What all workers together may still ask of an embedding service: as much as was left at `refilled_at`, less than
-- nothing where requests wait their turn.
create table pgdex.embedder_budgets (
    embedder text primary key,
    requests double precision not null,
    tokens double precision not null,
    refilled_at timestamp with time zone not null default clock_timestamp()
);

-- What an embedding service had answered of a batch when it went away, until the job ends: by the hash of the text, as
-- halfvec_send writes it.
create table pgdex.kept_embeddings (
    job_id uuid not null references pgdex.indexing_jobs (id) on delete cascade,
    text_hash uuid not null,
    embedding bytea not null,
    primary key (job_id, text_hash)
);

create table pgdex.job_events (
    id bigint generated always as identity primary key,
    job_id uuid not null references pgdex.indexing_jobs (id) on delete cascade,
    event_type text not null,
    event_data jsonb not null default '{}'::jsonb,
    created_at timestamp with time zone not null default clock_timestamp()
);
create index job_events_job_idx on pgdex.job_events (job_id, id);
