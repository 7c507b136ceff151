-- Puts a batch back to waiting without having done it and queues it again. The progress floor is raised first, so that
-- what people see does not go back. Returns false if the batch is no longer the caller's.
create or replace function pgdex.release_batch(p_job_id uuid, p_seq integer, p_attempt integer) returns boolean
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_job indexing_jobs;
begin
    select * into v_job from indexing_jobs where id = p_job_id for no key update;
    if v_job.status in ('running', 'blocked') then
        update indexing_jobs set progress_floor = pgdex.job_percentage(v_job) where id = p_job_id;
    end if;
    update job_batches
    set state = 'waiting', worker_id = null, wake_up_id = null, phase = null, path_in_progress = null,
        files_found = 0, files_chunked = 0, files_embedded = 0
    where job_id = p_job_id and seq = p_seq and attempt = p_attempt and state = 'running';
    if not found then
        return false;
    end if;
    if v_job.status = 'running' then
        perform pgdex.queue_batches(p_job_id, array[p_seq]);
    end if;
    return true;
end
$$;
