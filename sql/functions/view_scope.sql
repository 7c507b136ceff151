-- How a search keeps to views, at most one of each repository: either by the versions that they hold (inside, with the
-- number of their chunks), or by the versions that they don't hold (outside). The shorter way is taken, in the sense of
-- the search functions: an index that finds mostly chunks of other views is worth less than reading those of the view.
--
-- inside is null where outside is to be used. A repository with one view has outside it only what is marked as unused; a
-- partial index knows these, so that the ordinary search does not pay for views.
create or replace function pgdex.view_scope(p_views bigint[])
returns table (inside bigint[], chunks bigint, outside bigint[])
language plpgsql stable
set search_path = pg_catalog, pgdex, pg_temp
as $$
#variable_conflict use_column
declare
    v_repositories bigint[];
    v_shared bigint[];
    v_inside bigint;
    v_all bigint;
begin
    select array_agg(v.repository_id), coalesce(sum(v.chunks), 0), coalesce(sum(r.chunks), 0),
        array_agg(v.repository_id) filter (where exists (
            select from views o where o.repository_id = v.repository_id and o.id <> v.id
        ))
    into v_repositories, v_inside, v_all, v_shared
    from views v join repositories r on r.id = v.repository_id
    where v.id = any (p_views);
    if v_inside * 2 < v_all then
        return query select coalesce(array_agg(m.id), '{}'), coalesce(sum(m.chunks), 0)::bigint, null::bigint[]
        from pgdex.matching_versions(p_views, null, null, null) as m;
        return;
    end if;
    outside := array(
        select w.id from versions w
        where w.repository_id = any (v_repositories) and w.unused_since is not null and w.chunks > 0
            -- A mark may be wrong for a while. Not `not exists`: that may read all files of the views, of which there
            -- are many more.
            and (
                select true from view_files e where e.version_id = w.id and e.view_id = any (p_views) limit 1
            ) is null
    );
    if v_shared is not null then
        outside := outside || array(
            select w.id from versions w
            where w.repository_id = any (v_shared) and w.unused_since is null and w.chunks > 0
                and not exists (select from view_files e where e.version_id = w.id and e.view_id = any (p_views))
        );
    end if;
    return next;
end
$$;
