-- How many bytes the chunks of repositories take up on disk, with their indexes, signatures and TOAST. Exact where a repository has a
-- table of its own; in a shared table its share by the number of chunks, which is an estimate: another repository's may
-- be longer. Nothing for a repository that was never indexed to its end.
--
-- Reads the sizes of files and no row of chunks.
create or replace function pgdex.chunk_bytes(p_repository_ids bigint[])
returns table (repository_id bigint, bytes bigint, is_estimate boolean)
language sql stable
set search_path = pg_catalog, pgdex, pg_temp
as $$
    with chosen as materialized (
        select
            r.id, r.chunk_table, r.chunks, r.chunk_table = 'chunks_r' || r.id as is_own,
            coalesce(pg_total_relation_size(
                to_regclass('pgdex.' || pgdex.signature_table_name(r.id, r.model_id))
            ), 0) as signature_bytes
        from repositories r
        where r.id = any (p_repository_ids) and r.chunk_table is not null
    ),
    chunk_tables as materialized (
        select
            t.chunk_table,
            -- Null where it was dropped meanwhile.
            pg_total_relation_size(to_regclass(format('pgdex.%I', t.chunk_table))) as bytes,
            (select sum(o.chunks) from repositories o where o.chunk_table = t.chunk_table) as chunks
        from (select distinct c.chunk_table from chosen c) as t
    )
    select
        c.id,
        coalesce(case when c.is_own then t.bytes + c.signature_bytes else trunc(t.bytes * (c.chunks / nullif(t.chunks, 0))) end, 0)::bigint,
        not c.is_own
    from chosen c join chunk_tables t on t.chunk_table = c.chunk_table
$$;
