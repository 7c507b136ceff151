-- Makes the marks of unused versions right for a whole repository, whatever happened at the same moment when they were
-- set (see mark_unused_versions). Returns how many marks were wrong.
create or replace function pgdex.sweep_versions(p_repository_id bigint) returns integer
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_wrong bigint[];
    v_changed integer;
begin
    v_wrong := array(
        select v.id from versions v
        where v.repository_id = p_repository_id
            and (v.unused_since is null) <> exists (select from view_files e where e.version_id = v.id)
        for no key update skip locked
    );
    -- Looked at once more now that nobody else can change the mark. Not in one statement with the lock: that would look
    -- at its own beginning.
    update versions v set unused_since = case when v.unused_since is null then clock_timestamp() end
    where v.id = any (v_wrong)
        and (v.unused_since is null) <> exists (select from view_files e where e.version_id = v.id);
    get diagnostics v_changed = row_count;
    return v_changed;
end
$$;
