-- Takes files out of a view and returns how many there were. Their versions are marked as unused where no other view
-- holds them.
create or replace function pgdex.remove_view_files(p_view_id bigint, p_paths text[]) returns integer
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_versions bigint[];
    v_removed integer;
begin
    if coalesce(cardinality(p_paths), 0) = 0 then
        return 0;
    end if;
    with removed as (
        delete from view_files e where e.view_id = p_view_id and e.path = any (p_paths) returning e.version_id
    )
    select array_agg(version_id) filter (where version_id is not null), count(*) into v_versions, v_removed
    from removed;
    perform pgdex.mark_unused_versions(v_versions);
    return v_removed;
end
$$;
