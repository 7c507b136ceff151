-- One row per view that is in the index: its folder or address (location), the repository that it belongs to, its live job, and how much of it
-- is searchable.
--
--   select name, root, branch, files, chunks, live_job_status, last_indexed_at from pgdex.views_status order by root;
--
-- chunks is how many there were when the last job ended; files, files_skipped and bytes are counted when they are asked
-- for. A statement that names none of these three reads no row of view_files: which views a search looks into is found
-- out here, of ten thousand too. last_job_*: the job that was asked for last, as long
-- as the history has it. Removed views are not shown. model_id, embedding_model, embedding_dimension and
-- chunk_table are the repository's.
create or replace view pgdex.views_status as
select
    w.id,
    w.repository_id,
    w.project_id,
    r.name,
    w.name as view_name,
    w.root,
    w.ref,
    pgdex.view_location(w.root, w.ref) as location,
    w.kind,
    w.is_main,
    w.is_default,
    w.branch,
    w.commit_id,
    r.embedding_model,
    r.embedding_dimension,
    r.model_id,
    r.chunk_table,
    -- At most one is live, by a unique index.
    (
        select j.id from pgdex.indexing_jobs j
        where j.view_id = w.id and pgdex.is_live(j.status)
    ) as live_job_id,
    (
        select j.status from pgdex.indexing_jobs j
        where j.view_id = w.id and pgdex.is_live(j.status)
    ) as live_job_status,
    (select count(*) from pgdex.view_files e where e.view_id = w.id and e.skip_reason is null) as files,
    (select count(*) from pgdex.view_files e where e.view_id = w.id and e.skip_reason is not null) as files_skipped,
    w.chunks,
    (
        select coalesce(sum(e.size), 0)::bigint from pgdex.view_files e
        where e.view_id = w.id and e.skip_reason is null
    ) as bytes,
    w.no_ignore,
    w.created_at,
    w.last_indexed_at,
    w.missing_since,
    (
        select j.id from pgdex.indexing_jobs j where j.view_id = w.id order by j.created_at desc limit 1
    ) as last_job_id,
    (
        select j.status from pgdex.indexing_jobs j where j.view_id = w.id order by j.created_at desc limit 1
    ) as last_job_status,
    (
        select j.created_at from pgdex.indexing_jobs j where j.view_id = w.id order by j.created_at desc limit 1
    ) as last_job_at
from pgdex.views w
join pgdex.repositories r on r.id = w.repository_id and r.removed_at is null
where w.removed_at is null;
