-- One row per repository that is in the index: the model of its vectors, its live job, and how much of it is searchable.
--
--   select name, root, files, chunks, live_job_status, last_indexed_at from pgdex.repositories_status order by root;
--
-- chunks is how many there were when the last job ended; files, files_skipped and bytes are counted when they are asked
-- for. A statement that names none of these three reads no row of files: which repositories a search looks into is found
-- out here, of ten thousand too. Removed repositories are not shown.
create or replace view pgdex.repositories_status as
select
    r.id,
    r.project_id,
    r.name,
    r.root,
    r.embedding_model,
    r.embedding_dimension,
    r.model_id,
    r.chunk_table,
    -- At most one is live, by a unique index.
    (
        select j.id from pgdex.indexing_jobs j
        where j.repository_id = r.id and pgdex.is_live(j.status)
    ) as live_job_id,
    (
        select j.status from pgdex.indexing_jobs j
        where j.repository_id = r.id and pgdex.is_live(j.status)
    ) as live_job_status,
    (select count(*) from pgdex.files f where f.repository_id = r.id and f.skip_reason is null) as files,
    (select count(*) from pgdex.files f where f.repository_id = r.id and f.skip_reason is not null) as files_skipped,
    r.chunks,
    (
        select coalesce(sum(f.size), 0)::bigint from pgdex.files f
        where f.repository_id = r.id and f.skip_reason is null
    ) as bytes,
    r.no_ignore,
    r.created_at,
    r.last_indexed_at
from pgdex.repositories r
where r.removed_at is null;
