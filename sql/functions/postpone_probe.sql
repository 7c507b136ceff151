-- The service said when it wants to be asked again, and that is later than the next try: it is moved to then.
-- Changes nothing where the job is not blocked any more.
create or replace function pgdex.postpone_probe(p_job_id uuid, p_seconds double precision) returns void
language sql
set search_path = pgdex, pg_temp
as $$
    update indexing_jobs
    set next_probe_at = greatest(next_probe_at, clock_timestamp() + make_interval(secs => p_seconds))
    where id = p_job_id and status = 'blocked'
$$;
