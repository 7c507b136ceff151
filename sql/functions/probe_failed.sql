-- The service that a blocked job waits for does not answer yet: the next try is after twice the delay, up to 15 seconds,
-- or when the service said (p_retry_after seconds, a day at most). Changes nothing where the job is not blocked any
-- more.
create or replace function pgdex.probe_failed(p_job_id uuid, p_retry_after double precision default 0) returns void
language sql
set search_path = pg_catalog, pgdex, pg_temp
as $$
    update indexing_jobs
    set probe_delay = least(15, probe_delay * 2), next_probe_at = clock_timestamp()
        + make_interval(secs => greatest(least(15, probe_delay * 2), least(p_retry_after, 86400)))
    where id = p_job_id and status = 'blocked'
$$;
