-- Removes a view from the index: select pgdex.remove_view(3);
--
-- Once this has committed, no search and no list shows it, its schedule is gone, and its folder can be indexed again as
-- if it never had been.
-- With the last view of a repository the repository goes too. Rows are deleted in portions (remove_portion), by the
-- caller or by a worker within a few minutes: those of versions that only this view holds, and nothing that other views
-- hold. If it has a live job, this is refused unless cancel_job is true: then the job is cancelled. Returns the folder.
-- Runs with its owner's rights: whoever may call it needs no rights on the tables. Errors: PX005 (no such view), PX002
-- (it is being indexed).
create or replace function pgdex.remove_view(view_id bigint, cancel_job boolean default false)
returns text
language plpgsql security definer
set search_path = pg_catalog, pgdex, pg_temp
as $$
#variable_conflict use_column
declare
    v_view views;
    v_job uuid;
begin
    select * into v_view from views v where v.id = remove_view.view_id and v.removed_at is null;
    if not found then
        raise exception 'there is no view %', remove_view.view_id using errcode = 'PX005';
    end if;
    select j.id into v_job from indexing_jobs j where j.view_id = v_view.id and pgdex.is_live(j.status);
    if found and not remove_view.cancel_job then
        raise exception '% is being indexed by job %: cancel it first', pgdex.view_location(v_view.root, v_view.ref), v_job using errcode = 'PX002';
    end if;
    if found then
        begin
            perform pgdex.cancel_job(v_job);
        exception when sqlstate 'PX002' then
            null;  -- it has just ended
        end;
    end if;
    -- Its first scan may have joined it to another repository meanwhile.
    loop
        select * into v_view from views v where v.id = v_view.id;
        perform from repositories r where r.id = v_view.repository_id for no key update;
        exit when v_view.repository_id = (select v.repository_id from views v where v.id = v_view.id);
    end loop;
    update views v set removed_at = clock_timestamp(), is_default = false
    where v.id = v_view.id and v.removed_at is null;
    delete from schedules s where s.view_id = v_view.id;
    if exists (select from views v where v.repository_id = v_view.repository_id and v.removed_at is null) then
        perform pgdex.choose_default_view(v_view.repository_id);
    else
        update repositories r set removed_at = clock_timestamp()
        where r.id = v_view.repository_id and r.removed_at is null;
    end if;
    return pgdex.view_location(v_view.root, v_view.ref);
end
$$;
