-- A worker marks which file of its batch is in progress, or with null that none is: if it dies now, reclaim_batches
-- counts the crash against that file. Only for batches that have crashed workers before, where one row version per file
-- is a small price. Returns false if the batch is no longer the caller's.
create or replace function pgdex.mark_in_progress(p_job_id uuid, p_seq integer, p_attempt integer, p_path text)
returns boolean
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
begin
    update job_batches set path_in_progress = p_path
    where job_id = p_job_id and seq = p_seq and attempt = p_attempt and state = 'running';
    return found;
end
$$;
