-- Gives a repository another name: select pgdex.rename_repository(3, 'shop');
--
-- Views that have the repository's name get the new one too. Nothing else changes: paths stay as they are, and running
-- jobs continue. Returns the former name. Runs with its owner's rights: whoever may call it needs no rights on the
-- tables.
-- Errors: PX005 (no such repository, no usable name), 55P03 (another transaction has held the repository for three
-- seconds).
create or replace function pgdex.rename_repository(repository_id bigint, new_name text) returns text
language plpgsql security definer
set search_path = pg_catalog, pgdex, pg_temp
set lock_timeout = '3s'
as $$
declare
    v_new text := pgdex.checked_name(rename_repository.new_name);
    v_old text;
begin
    select r.name into v_old from repositories r
    where r.id = rename_repository.repository_id and r.removed_at is null
    for no key update;
    if not found then
        raise exception 'there is no repository %', rename_repository.repository_id using errcode = 'PX005';
    end if;
    update repositories r set name = v_new where r.id = rename_repository.repository_id and r.name <> v_new;
    update views v set name = v_new
    where v.repository_id = rename_repository.repository_id and v.name = v_old and v.name <> v_new
        and v.removed_at is null;
    return v_old;
end
$$;
