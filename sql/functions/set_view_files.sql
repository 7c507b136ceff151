-- Says which version each of some files of a view is from now on, and what the file system said of it; the arrays have
-- one element per file. In the transaction that writes what is new, so that a search sees each file either as it was or
-- as it is. A version id is null where the walk skipped the file unread. Versions that no view holds any more are marked
-- as unused. Rows are looked up through indexes only, as in store_versions.
create or replace function pgdex.set_view_files(
    p_view_id bigint, p_paths text[], p_version_ids bigint[], p_sizes bigint[], p_mtimes bigint[], p_ctimes bigint[],
    p_inodes bigint[], p_reasons text[], p_details text[]
) returns void
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
set enable_seqscan = off
as $$
declare
    v_before bigint[] := array(
        select held.version_id
        from unnest(p_paths) as u (path)
        cross join lateral (
            select e.version_id from view_files e
            where e.view_id = p_view_id and e.path = u.path and e.version_id is not null
            offset 0
        ) as held
    );
    v_marked bigint[];
begin
    insert into view_files as e
        (view_id, path, version_id, size, mtime_ns, ctime_ns, inode, skip_reason, skip_detail)
    select p_view_id, u.*
    from unnest(p_paths, p_version_ids, p_sizes, p_mtimes, p_ctimes, p_inodes, p_reasons, p_details) as u
    on conflict (view_id, path) do update set
        version_id = excluded.version_id, size = excluded.size, mtime_ns = excluded.mtime_ns,
        ctime_ns = excluded.ctime_ns, inode = excluded.inode, skip_reason = excluded.skip_reason,
        skip_detail = excluded.skip_detail,
        indexed_at = case
            when e.version_id = excluded.version_id then e.indexed_at else excluded.indexed_at
        end;
    -- Without waiting, as in mark_unused_versions: a version that a view holds is removed by nobody, whatever its mark.
    v_marked := array(
        select held.id
        from unnest(p_version_ids) as u (id)
        cross join lateral (
            select v.id from versions v
            where v.id = u.id and v.unused_since is not null
            for no key update skip locked
        ) as held
    );
    if cardinality(v_marked) > 0 then
        update versions v set unused_since = null where v.id = any (v_marked);
    end if;
    perform pgdex.mark_unused_versions(v_before);
end
$$;
