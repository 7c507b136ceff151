-- The phase that most batches of a running job are in: fetching (from a git server), scanning, chunking, embedding,
-- writing or finishing; null if none of its batches is in flight.
create or replace function pgdex.job_phase(job pgdex.indexing_jobs) returns text
language sql stable
set search_path = pg_catalog, pgdex, pg_temp
as $$
    select phase from job_batches
    where job_id = job.id and state = 'running'
    group by phase
    order by count(*) desc, phase = 'embedding' desc, phase
    limit 1
$$;
