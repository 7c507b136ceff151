-- Hands the blocked jobs that wait for one embedding service to one worker, which then asks that service whether it
-- answers again: the service whose next try is due first, or none. The next try of all of them is set at once, with
-- twice the delay up to 15 seconds: one probe at a time in the whole cluster, no stampede.
create or replace function pgdex.claim_probes()
returns table (job_id uuid, embedder text, blocked_seconds double precision)
language plpgsql
set search_path = pgdex, pg_temp
as $$
#variable_conflict use_column
begin
    if not exists (select from indexing_jobs where status = 'blocked' and next_probe_at <= clock_timestamp())
        or not pg_try_advisory_xact_lock(hashtext('pgdex.claim_probes')) then
        return;
    end if;
    return query
    update indexing_jobs j
    set probe_delay = least(15, j.probe_delay * 2),
        next_probe_at = clock_timestamp() + make_interval(secs => least(15, j.probe_delay * 2))
    where j.id in (
        select id from indexing_jobs
        where status = 'blocked' and embedder = (
            select embedder from indexing_jobs
            where status = 'blocked' and next_probe_at <= clock_timestamp()
            order by next_probe_at limit 1
        )
        for no key update skip locked
    )
    returning j.id, j.embedder, extract(epoch from clock_timestamp() - j.blocked_since)::double precision;
end
$$;
