-- Removes a repository from the index: select pgdex.remove_repository(3);
--
-- Once this has committed, no search and no list shows it, and its folder can be indexed again as if it never had been.
-- Its rows are deleted in portions (remove_portion), by the caller or by a worker within some minutes. If it has a live
-- job, this is refused unless cancel_job is true: then the job is cancelled. Returns the folder. Runs with its owner's
-- rights: whoever may call it needs no rights on the tables. Errors: PX005 (no such repository), PX002 (it is being
-- indexed).
create or replace function pgdex.remove_repository(repository_id bigint, cancel_job boolean default false)
returns text
language plpgsql security definer
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_root text;
    v_job uuid;
begin
    select r.root into v_root from repositories r
    where r.id = remove_repository.repository_id and r.removed_at is null;
    if not found then
        raise exception 'there is no repository %', remove_repository.repository_id using errcode = 'PX005';
    end if;
    select j.id into v_job from indexing_jobs j
    where j.repository_id = remove_repository.repository_id and pgdex.is_live(j.status);
    if found and not cancel_job then
        raise exception '% is being indexed by job %: cancel it first', v_root, v_job using errcode = 'PX002';
    end if;
    if found then
        begin
            perform pgdex.cancel_job(v_job);
        exception when sqlstate 'PX002' then
            null;  -- it has just ended
        end;
    end if;
    update repositories r set removed_at = clock_timestamp()
    where r.id = remove_repository.repository_id and r.removed_at is null;
    return v_root;
end
$$;
