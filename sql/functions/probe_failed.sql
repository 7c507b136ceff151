-- The service that blocked jobs wait for does not answer yet; trying took p_seconds. The next try is after twice the
-- delay, up to 15 seconds, or when the service said (p_retry_after seconds, a day at most), but no later than the time
-- at which the job is given up (p_give_up_after seconds of waiting). Leaves alone jobs that are no longer blocked, or
-- that another transaction has locked.
create or replace function pgdex.probe_failed(
    p_job_ids uuid[], p_retry_after double precision default 0, p_seconds double precision default 0,
    p_give_up_after double precision default 'infinity'
) returns void
language sql
set search_path = pg_catalog, pgdex, pg_temp
as $$
    with waiting as (
        select
            id, least(15, probe_delay * 2) as delay,
            greatest(
                least(15, probe_delay * 2),
                least(p_retry_after, 86400, greatest(0, p_give_up_after - seconds_waited - p_seconds))
            ) as wait
        from indexing_jobs
        where id = any (p_job_ids) and status = 'blocked' and not waits_for_admission
        order by id
        for no key update skip locked
    )
    update indexing_jobs j
    set probe_number = j.probe_number + 1, probe_delay = w.delay, probe_wait = w.wait,
        seconds_waited = j.seconds_waited + greatest(0, p_seconds),
        next_probe_at = clock_timestamp() + make_interval(secs => w.wait)
    from waiting w
    where j.id = w.id
$$;
