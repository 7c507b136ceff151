-- Gives a view another name: select pgdex.rename_view(3, 'hotfix');
--
-- As rename_repository, and the repository keeps its name. Errors: PX005 (no such view, no usable name), 55P03 (another
-- transaction has held the view for three seconds).
create or replace function pgdex.rename_view(view_id bigint, new_name text) returns text
language plpgsql security definer
set search_path = pg_catalog, pgdex, pg_temp
set lock_timeout = '3s'
as $$
declare
    v_new text := pgdex.checked_name(rename_view.new_name);
    v_old text;
begin
    select v.name into v_old from views v where v.id = rename_view.view_id and v.removed_at is null for no key update;
    if not found then
        raise exception 'there is no view %', rename_view.view_id using errcode = 'PX005';
    end if;
    update views v set name = v_new where v.id = rename_view.view_id and v.name <> v_new;
    return v_old;
end
$$;
