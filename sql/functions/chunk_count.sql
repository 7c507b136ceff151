-- Roughly how many chunks repositories have together: as many as when their last jobs ended, plus what live ones have
-- written since. Cheap; for choosing how to search them.
create or replace function pgdex.chunk_count(p_repositories bigint[]) returns bigint
language sql stable
set search_path = pg_catalog, pgdex, pg_temp
as $$
    select coalesce(sum(r.chunks), 0)::bigint + coalesce((
        select sum(j.chunks_created) from indexing_jobs j join views v on v.id = j.view_id
        where pgdex.is_live(j.status) and v.repository_id = any (p_repositories)
    ), 0)::bigint
    from repositories r
    where r.id = any (p_repositories)
$$;
