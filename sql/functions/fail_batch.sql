-- A worker reports that a batch can't be done: its job ends as failed. Fenced like a commit: the complaint of a worker
-- that has lost its batch to a peer does not count. Returns false (and changes nothing) then, and if the job had
-- already ended.
create or replace function pgdex.fail_batch(
    p_job_id uuid, p_seq integer, p_attempt integer, p_message text, p_type text, p_traceback text default null
) returns boolean
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
begin
    perform from indexing_jobs where id = p_job_id for no key update;
    if not exists (
        select from job_batches
        where job_id = p_job_id and seq = p_seq and attempt = p_attempt and state = 'running'
    ) then
        return false;
    end if;
    return pgdex.fail_job(p_job_id, p_message, p_type, p_traceback);
end
$$;
