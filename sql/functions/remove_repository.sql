-- Removes a repository with all its views from the index: select pgdex.remove_repository(3);
--
-- As remove_view does for each of them. Returns the name. Errors: PX005 (no such repository), PX002 (a view of it is being
-- indexed, and cancel_job is false: then nothing is changed).
-- Lock order: all its jobs, then the repository, then its views. A job that commits holds its own row when it comes to
-- the repository.
create or replace function pgdex.remove_repository(repository_id bigint, cancel_job boolean default false)
returns text
language plpgsql security definer
set search_path = pg_catalog, pgdex, pg_temp
as $$
#variable_conflict use_column
declare
    v_repository repositories;
    v_view views;
    v_job uuid;
begin
    select * into v_repository from repositories r
    where r.id = remove_repository.repository_id and r.removed_at is null;
    if not found then
        raise exception 'there is no repository %', remove_repository.repository_id using errcode = 'PX005';
    end if;
    for v_job, v_view.root in
        select j.id, v.root from views v join indexing_jobs j on j.view_id = v.id and pgdex.is_live(j.status)
        where v.repository_id = v_repository.id and v.removed_at is null
        order by v.id
    loop
        if not remove_repository.cancel_job then
            raise exception '% is being indexed by job %: cancel it first', v_view.root, v_job using errcode = 'PX002';
        end if;
        begin
            perform pgdex.cancel_job(v_job);
        exception when sqlstate 'PX002' then
            null;  -- it has just ended
        end;
    end loop;
    for v_view in
        select v.* from views v where v.repository_id = v_repository.id and v.removed_at is null order by v.id
    loop
        perform pgdex.remove_view(v_view.id, remove_repository.cancel_job);
    end loop;
    return v_repository.name;
end
$$;
