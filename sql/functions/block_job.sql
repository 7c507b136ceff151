-- Sets a running job to blocked: it waits for something outside, says for what, and is tried again after a second, or
-- p_retry_after seconds where that is more (a day at most); seconds are counted by workers on their own clocks from the
-- moment in which they see the new probe_number, and next_probe_at is for people. Where no batch was committed since it
-- was last blocked it is the same waiting: seconds_waited stays, and the delay goes on growing.
-- It gives its place among the running jobs back, and its waiting batches leave the queue. The caller releases its own
-- batch.
-- Returns false where the job is not running any more.
create or replace function pgdex.block_job(p_job_id uuid, p_reason text, p_retry_after double precision default 0)
returns boolean
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
begin
    update indexing_jobs
    set status = 'blocked', blocked_reason = p_reason, probe_number = probe_number + 1,
        probe_wait = greatest(probe_delay, least(p_retry_after, 86400)),
        next_probe_at = clock_timestamp() + make_interval(secs => greatest(probe_delay, least(p_retry_after, 86400)))
    where id = p_job_id and status = 'running';
    if not found then
        return false;
    end if;
    delete from procrastinate_jobs
    where status = 'todo'
        and id in (select token_id from job_batches where job_id = p_job_id and state = 'waiting' and token_id is not null);
    update job_batches set token_id = null where job_id = p_job_id and state = 'waiting' and token_id is not null;
    return true;
end
$$;
