-- Lets a blocked job go on: what it waited for answers again. The delay before the next try grows all the same, until a
-- batch is committed: a service may answer a probe and refuse the work. Returns false where it is not blocked any more.
create or replace function pgdex.resume_job(p_job_id uuid) returns boolean
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
begin
    update indexing_jobs set status = 'running', probe_delay = least(15, probe_delay * 2)
    where id = p_job_id and status = 'blocked';
    if not found then
        return false;
    end if;
    perform pgdex.queue_batches(p_job_id, array(
        select b.seq from job_batches b join indexing_jobs j on j.id = b.job_id
        where b.job_id = p_job_id and b.state = 'waiting' and b.token_id is null
            and (b.kind <> 'finish' or (j.scanned_at is not null and j.batches_left = 0))
    ));
    return true;
end
$$;
