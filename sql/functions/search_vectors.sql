-- The chunks of repositories whose vectors are most similar to the query's, best first; score is the cosine similarity.
-- Only vectors of the given model are compared.
--
-- Without a vector index, as in every shared table, this is an exact scan of the repositories' chunks. With one,
-- iterative_scan keeps looking until the limit is met, so that a filter does not silently lose rows. If p_versions leaves
-- no more than p_exact_chunks chunks, these are compared one by one, which is exact and faster than an index that finds
-- mostly others.
--
-- p_repositories: their chunks are in one table (see chunk_table). p_ef_search: how many candidates HNSW keeps.
-- p_versions: only chunks of these versions (see matching_versions), which have p_chunks chunks; p_outside: no chunks of
-- these (see view_scope); p_kinds: only chunks of these kinds; null leaves all.
create or replace function pgdex.search_vectors(
    p_repositories bigint[], p_model_id smallint, p_dimension integer, p_query text,
    p_versions bigint[], p_chunks bigint, p_outside bigint[], p_kinds text[],
    p_limit integer, p_exact_chunks integer default 20000, p_ef_search integer default 600
) returns table (repository_id bigint, version_id bigint, ordinal integer, score double precision)
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
#variable_conflict use_column
declare
    v_table text := pgdex.chunk_table(p_repositories);
    v_is_shared boolean := v_table like 'chunks\_s%';
    v_is_exact boolean := p_versions is not null and coalesce(p_chunks, 0) <= p_exact_chunks;
begin
    if v_table is null then
        return;
    end if;
    -- Here and not as a SET of the function: only a superuser may name another module's setting in a definition.
    perform set_config('hnsw.iterative_scan', 'relaxed_order', true),
        set_config('hnsw.ef_search', greatest(p_ef_search, p_limit)::text, true),
        set_config('hnsw.max_scan_tuples', '200000', true);
    return query execute format($query$
        select near.repository_id, near.version_id, near.ordinal, 1 - near.distance
        from (
            select c.repository_id, c.version_id, c.ordinal, %4$s as distance
            from %5$s c
            where c.model_id = %3$s %6$s %7$s
            order by %4$s
            limit $2
        ) as near
        order by near.distance, near.version_id, near.ordinal
    $query$,
        v_table, p_dimension, p_model_id,
        format(
            'c.embedding::@extschema:vector@.halfvec(%1$s)'
            ' operator(@extschema:vector@.<=>) $1::@extschema:vector@.halfvec(%1$s)', p_dimension
        ),
        case
            when v_is_exact then format(
                '(select * from pgdex.%I as a where a.repository_id = any ($5) and a.version_id = any ($3) offset 0)',
                v_table)
            else format('pgdex.%I', v_table)
        end,
        concat_ws(
            ' ',
            case when p_versions is not null and not v_is_exact then 'and c.version_id = any ($3)' end,
            case when cardinality(p_outside) > 0 then 'and c.version_id <> all ($6)' end,
            case when v_is_shared and not v_is_exact then 'and c.repository_id = any ($5)' end
        ),
        case when p_kinds is not null then 'and c.kind = any ($4)' else '' end)
    using p_query, p_limit, p_versions, p_kinds, p_repositories, p_outside;
end
$$;
