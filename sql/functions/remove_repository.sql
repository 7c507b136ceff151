-- Removes a repository with all its views from the index: select pgdex.remove_repository(3);
--
-- As remove_view does for each of them. Returns the name. Errors: PX005 (no such repository), PX002 (a view of it is being
-- indexed, and cancel_job is false).
create or replace function pgdex.remove_repository(repository_id bigint, cancel_job boolean default false)
returns text
language plpgsql security definer
set search_path = pg_catalog, pgdex, pg_temp
as $$
#variable_conflict use_column
declare
    v_repository repositories;
    v_view bigint;
begin
    select * into v_repository from repositories r
    where r.id = remove_repository.repository_id and r.removed_at is null;
    if not found then
        raise exception 'there is no repository %', remove_repository.repository_id using errcode = 'PX005';
    end if;
    for v_view in
        select v.id from views v where v.repository_id = v_repository.id and v.removed_at is null order by v.id
    loop
        perform pgdex.remove_view(v_view, remove_repository.cancel_job);
    end loop;
    return v_repository.name;
end
$$;
