-- Ends a running or blocked job as failed, with what a person needs to know about it. Returns false (and changes
-- nothing) if the job had already ended. Of a folder that no worker can see, it notes whether that is gone.
create or replace function pgdex.fail_job(p_job_id uuid, p_message text, p_type text, p_traceback text default null)
returns boolean
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
begin
    update indexing_jobs
    set status = 'failed', error_message = p_message, error_type = p_type, error_traceback = p_traceback
    where id = p_job_id and status in ('running', 'blocked');
    if not found then
        return false;
    end if;
    if p_type = 'RootUnavailable' then
        perform pgdex.mark_missing_view(p_job_id);
    end if;
    return true;
end
$$;
