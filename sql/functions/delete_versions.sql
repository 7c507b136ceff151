-- Deletes versions of a repository that no view holds, with their chunks; returns how many. Versions that a view has
-- taken over meanwhile, or that another transaction has locked, stay.
create or replace function pgdex.delete_versions(p_repository_id bigint, p_version_ids bigint[]) returns integer
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    -- A view that is just taking one over has locked it, by its foreign key.
    v_versions bigint[] := array(
        select v.id from versions v
        where v.repository_id = p_repository_id and v.id = any (p_version_ids)
        order by v.id for update skip locked
    );
    v_removed integer;
begin
    v_versions := array(
        select v from unnest(v_versions) as v where not exists (select from view_files e where e.version_id = v)
    );
    perform pgdex.delete_chunks(p_repository_id, v_versions);
    delete from versions v where v.id = any (v_versions);
    get diagnostics v_removed = row_count;
    return v_removed;
end
$$;
