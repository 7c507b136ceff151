-- What a blocked job waits for answers again: it resumes as soon as it is admitted, before new jobs of its project
-- (admit_jobs). The delay before the next try keeps growing until a batch is committed: a service may answer a probe
-- and still refuse the work. Returns false if the job is no longer blocked, or already waits to be admitted.
create or replace function pgdex.resume_job(p_job_id uuid) returns boolean
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
begin
    update indexing_jobs
    set waits_for_admission = true, probe_number = probe_number + 1, probe_delay = least(15, probe_delay * 2),
        blocked_reason = 'what it waited for answers again'
    where id = p_job_id and status = 'blocked' and not waits_for_admission;
    if not found then
        return false;
    end if;
    perform pg_notify('pgdex_wake', '');
    return true;
end
$$;
