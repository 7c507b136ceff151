-- Hands the blocked jobs that wait for one embedding service to one worker, which then asks that service whether it
-- answers again: the service whose next try is due first, or none. The caller has 12 seconds, and says probe_failed or
-- resume_job for each: one probe at a time in the whole cluster, no stampede. embedder is null for a job that was
-- blocked before it knew its model; seconds counts from the job's first wait since a batch of it was committed.
create or replace function pgdex.claim_probes()
returns table (job_id uuid, embedder text, seconds double precision)
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
#variable_conflict use_column
begin
    if not exists (select from indexing_jobs where status = 'blocked' and next_probe_at <= clock_timestamp())
        or not pg_try_advisory_xact_lock(hashtext('pgdex.claim_probes')) then
        return;
    end if;
    return query
    update indexing_jobs j
    set next_probe_at = clock_timestamp() + interval '12 seconds'
    where j.id in (
        select id from indexing_jobs
        where status = 'blocked' and embedder is not distinct from (
            select embedder from indexing_jobs
            where status = 'blocked' and next_probe_at <= clock_timestamp()
            order by next_probe_at limit 1
        )
        for no key update skip locked
    )
    returning j.id, j.embedder, extract(epoch from clock_timestamp() - j.waiting_since)::double precision;
end
$$;
