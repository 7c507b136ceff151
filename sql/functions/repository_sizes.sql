-- What repositories hold: select * from pgdex.repository_sizes(array[3, 4]);
--
-- versions and source_bytes: the contents that their views hold, each counted once; versions_shared and
-- shared_source_bytes: those of them that more than one view holds; versions_unused and unused_source_bytes: those that no
-- view holds any more, which are kept for a while. bytes_on_disk, is_estimate: of their chunks, see chunk_bytes.
--
-- Reads the versions of these repositories, and for those with several views at most two rows of view_files for each
-- version, however many views there are.
create or replace function pgdex.repository_sizes(p_repository_ids bigint[])
returns table (
    repository_id bigint, versions bigint, source_bytes bigint, versions_shared bigint, shared_source_bytes bigint,
    versions_unused bigint, unused_source_bytes bigint, bytes_on_disk bigint, is_estimate boolean
)
language sql stable
set search_path = pg_catalog, pgdex, pg_temp
as $$
    select
        r.id, held.used, held.used_bytes, coalesce(shared.number, 0), coalesce(shared.bytes, 0), held.unused,
        held.unused_bytes, coalesce(b.bytes, 0), coalesce(b.is_estimate, false)
    from repositories r
    left join pgdex.chunk_bytes(p_repository_ids) as b on b.repository_id = r.id
    cross join lateral (
        select count(*) as number from views w where w.repository_id = r.id and w.removed_at is null
    ) as its_views
    cross join lateral (
        select
            count(*) filter (where v.unused_since is null) as used,
            coalesce(sum(v.size) filter (where v.unused_since is null), 0)::bigint as used_bytes,
            count(*) filter (where v.unused_since is not null) as unused,
            coalesce(sum(v.size) filter (where v.unused_since is not null), 0)::bigint as unused_bytes
        from versions v where v.repository_id = r.id
    ) as held
    left join lateral (
        select count(*) as number, coalesce(sum(v.size), 0)::bigint as bytes
        from versions v
        where its_views.number > 1 and v.repository_id = r.id and v.unused_since is null
            and (select count(*) from (select from view_files e where e.version_id = v.id limit 2) as two) = 2
    ) as shared on true
    where r.id = any (p_repository_ids)
$$;
