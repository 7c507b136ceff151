-- Locks a job for a commit of its work and returns it. Every function that writes to a job and to its batches
-- locks the job first: one order, no deadlocks.
-- Errors: PX003 (the job has ended, so the work is no longer wanted).
create or replace function pgdex.lock_live_job(p_job_id uuid) returns pgdex.indexing_jobs
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_job indexing_jobs;
begin
    select * into v_job from indexing_jobs where id = p_job_id for no key update;
    if not found or v_job.status not in ('running', 'blocked') then
        raise exception 'job % is %: this work is no longer wanted', p_job_id, coalesce(v_job.status, 'gone')
            using errcode = 'PX003';
    end if;
    return v_job;
end
$$;
