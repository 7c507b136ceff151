-- Records the new size and modification time of files whose content is the same as before, so that the next scan need
-- not read them.
create or replace function pgdex.touch_files(p_repository_id bigint, p_paths text[], p_sizes bigint[], p_mtimes bigint[])
returns void
language sql
set search_path = pg_catalog, pgdex, pg_temp
as $$
    update files f
    set size = u.size, mtime_ns = u.mtime_ns
    from unnest(p_paths, p_sizes, p_mtimes) as u (path, size, mtime_ns)
    where f.repository_id = p_repository_id and f.path = u.path
$$;
