-- Sets a running job to blocked: it waits for something outside, says for what, and is tried again after a second, or
-- after p_retry_after seconds if that is more (a day at most). Workers count the seconds on their own clocks, from the
-- time at which they see the new probe_number; next_probe_at is for people. If no batch was committed since the job was
-- last blocked, this is the same wait: seconds_waited stays, and the delay keeps growing.
-- The job gives up its admission, and its waiting batches leave the queue. The caller releases its own batch.
-- Returns false if the job is no longer running.
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
        and id in (select wake_up_id from job_batches where job_id = p_job_id and state = 'waiting' and wake_up_id is not null);
    update job_batches set wake_up_id = null where job_id = p_job_id and state = 'waiting' and wake_up_id is not null;
    return true;
end
$$;
