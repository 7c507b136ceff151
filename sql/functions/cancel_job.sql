-- Cancels a pending, running or blocked job and returns its previous status: select pgdex.cancel_job('…');
-- Returns at once; workers stop within a second. Committed work stays searchable and is reused by the next job. Runs
-- with its owner's rights: whoever may call it needs no rights on the tables.
-- Errors: PX001 (no such job), PX002 (it had already ended; the message says how).
create or replace function pgdex.cancel_job(job_id uuid) returns text
language plpgsql security definer
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_status text;
begin
    select status into v_status from indexing_jobs where id = cancel_job.job_id for no key update;
    if not found then
        raise exception 'there is no job %', cancel_job.job_id using errcode = 'PX001';
    end if;
    if v_status in ('completed', 'failed', 'cancelled') then
        raise exception 'job % is already %: only pending, running and blocked jobs can be cancelled',
            cancel_job.job_id, v_status using errcode = 'PX002';
    end if;
    update indexing_jobs set status = 'cancelled' where id = cancel_job.job_id;
    return v_status;
end
$$;
