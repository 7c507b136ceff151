-- Hands one blocked job whose time has come to one worker, which then asks the service whether it answers again.
-- The next try is set at once, with twice the delay up to a minute: one probe at a time, no stampede.
create or replace function pgdex.claim_probe()
returns table (job_id uuid, embedder text, blocked_seconds double precision)
language sql
set search_path = pgdex, pg_temp
as $$
    update indexing_jobs j
    set probe_delay = least(60, j.probe_delay * 2),
        next_probe_at = clock_timestamp() + make_interval(secs => least(60, j.probe_delay * 2))
    where j.id = (
        select id from indexing_jobs
        where status = 'blocked' and next_probe_at <= clock_timestamp()
        order by next_probe_at limit 1
        for no key update skip locked
    )
    returning j.id, j.embedder, extract(epoch from clock_timestamp() - j.blocked_since)::double precision
$$;
