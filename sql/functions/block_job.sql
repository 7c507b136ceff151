-- Sets a running job to blocked: it waits for something outside, says for what, and is tried again at
-- next_probe_at. Its waiting batches leave the queue until then. The caller releases its own batch.
-- Returns false where the job is not running any more.
create or replace function pgdex.block_job(p_job_id uuid, p_reason text, p_retry_after double precision default 1)
returns boolean
language plpgsql
set search_path = pgdex, public, pg_temp
as $$
begin
    update indexing_jobs
    set status = 'blocked', blocked_reason = p_reason, probe_delay = greatest(1, p_retry_after),
        next_probe_at = clock_timestamp() + make_interval(secs => greatest(1, p_retry_after))
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
