-- How many more jobs may be admitted: max_concurrent_jobs less the jobs that are admitted now. A job stays admitted
-- until it ends, but not while it is blocked. Exact only while the caller holds the duty `admission`.
create or replace function pgdex.free_admissions() returns integer
language sql stable
set search_path = pg_catalog, pgdex, pg_temp
as $$
    select greatest(0, pgdex.max_concurrent_jobs() - (
        select count(*) from indexing_jobs where status in ('pending', 'running') and admitted_at is not null
    ))::integer
$$;
