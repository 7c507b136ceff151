-- Notes the time with those of some versions that no view holds (any more): remove_unused_versions removes them after a
-- while, and a search of a repository with one view looks past them.
--
-- Two views that drop a version at the same moment may each see the other one still holding it, and one that
-- somebody else writes again at this moment is passed over: two who each drop what the other one writes would wait for
-- each other. Such versions are found later, by sweep_versions; until then they cost space, and no search shows them.
-- Rows are looked up through indexes only, as in store_versions.
create or replace function pgdex.mark_unused_versions(p_version_ids bigint[]) returns void
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
set enable_seqscan = off
as $$
declare
    v_dropped bigint[];
begin
    -- The first index of a view drops nothing.
    if coalesce(cardinality(p_version_ids), 0) = 0 then
        return;
    end if;
    v_dropped := array(
        select held.id
        from unnest(p_version_ids) as u (id)
        cross join lateral (
            select v.id from versions v
            where v.id = u.id and v.unused_since is null
                and (select true from view_files e where e.version_id = v.id limit 1) is null
            for no key update skip locked
        ) as held
    );
    -- Looked at once more: what has been taken over meanwhile is not unused.
    update versions v set unused_since = clock_timestamp()
    where v.id = any (v_dropped)
        and (select true from view_files e where e.version_id = v.id limit 1) is null;
end
$$;
