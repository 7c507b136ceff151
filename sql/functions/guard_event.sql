-- Events are written once: they can't be changed, and they are deleted only together with their job.
-- Errors: PX002.
create or replace function pgdex.guard_event() returns trigger
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
begin
    if tg_op = 'DELETE' and not exists (select from indexing_jobs where id = old.job_id) then
        return old;
    end if;
    raise exception 'event % is part of the history of job %: it cannot be changed or deleted', old.id, old.job_id
        using errcode = 'PX002';
end
$$;
