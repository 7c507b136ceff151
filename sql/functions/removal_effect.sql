-- What removing views would take away, one row for each of their repositories:
--
--   select * from pgdex.removal_effect(array[3, 4]);
--
-- is_whole: no view is left, so the repository goes. views, files, jobs: of these views. versions and chunks: those that no
-- other view holds (of a whole repository also those that no view holds any more); versions_kept: those that other views
-- hold too, and that stay. bytes_freed: roughly what the chunks that go take up on disk; exact where a table is dropped
-- (is_estimate false), and else space that the next chunks fill. Changes nothing.
create or replace function pgdex.removal_effect(view_ids bigint[])
returns table (
    repository_id bigint, name text, is_whole boolean, views bigint, files bigint, jobs bigint, versions bigint,
    chunks bigint, versions_kept bigint, bytes_freed bigint, is_estimate boolean
)
language sql stable
set search_path = pg_catalog, pgdex, pg_temp
as $$
    with chosen as materialized (
        select v.repository_id as id, array_agg(v.id) as view_ids
        from views v
        where v.id = any (removal_effect.view_ids) and v.removed_at is null
        group by v.repository_id
    )
    select
        r.id, r.name, others.number = 0, cardinality(c.view_ids)::bigint,
        (select count(*) from view_files e where e.view_id = any (c.view_ids)),
        (select count(*) from indexing_jobs j where j.view_id = any (c.view_ids)),
        held.alone, held.chunks_alone, held.number - held.alone,
        case when others.number = 0 then coalesce(b.bytes, 0)
             else trunc(coalesce(b.bytes, 0) * least(1, held.chunks_alone / nullif(r.chunks, 0)::numeric))::bigint end,
        coalesce(b.is_estimate, false) or others.number > 0
    from chosen c
    join repositories r on r.id = c.id
    left join pgdex.chunk_bytes(array(select id from chosen)) as b on b.repository_id = r.id
    cross join lateral (
        select count(*) as number from views w
        where w.repository_id = r.id and w.removed_at is null and w.id <> all (c.view_ids)
    ) as others
    cross join lateral (
        select count(*) as number, count(*) filter (where of_these.is_alone) as alone,
            coalesce(sum(of_these.chunks) filter (where of_these.is_alone), 0)::bigint as chunks_alone
        from (
            select
                v.chunks,
                others.number = 0 or not exists (
                    select from view_files o where o.version_id = v.id and o.view_id <> all (c.view_ids)
                ) as is_alone
            from versions v
            where v.repository_id = r.id and (others.number = 0 or exists (
                select from view_files e where e.version_id = v.id and e.view_id = any (c.view_ids)
            ))
        ) as of_these
    ) as held
$$;
