-- The chunks of one repository whose vectors are nearest to the query's, best first; score is the cosine
-- similarity. Only vectors of the given model are compared.
--
-- Without a vector index this is an exact scan of the repository's partition. With one, iterative_scan keeps looking
-- until the limit is met, so that a filter does not silently lose rows; and where the filters leave no more than
-- p_exact_chunks chunks these are compared one by one, which is exact and quicker than an index that finds mostly
-- others. p_ef_search: how many candidates HNSW keeps. For the filters see matching_files; p_kinds: only chunks of
-- these kinds. Null filters leave all.
create or replace function pgdex.search_vectors(
    p_repository_id bigint, p_model_id smallint, p_dimension integer, p_query text,
    p_path_regex text, p_without_regex text, p_language text, p_kinds text[],
    p_limit integer, p_exact_chunks integer default 20000, p_ef_search integer default 200
) returns table (file_id bigint, ordinal integer, score double precision)
language plpgsql
set search_path = pgdex, public, extensions, pg_temp
as $$
#variable_conflict use_column
declare
    v_table text := 'chunks_r' || p_repository_id;
    v_filters boolean := coalesce(p_path_regex, p_without_regex, p_language) is not null;
    v_files bigint[];
    v_chunks bigint;
begin
    if to_regclass('pgdex.' || v_table) is null then
        return;
    end if;
    if v_filters then
        select array_agg(f.id), coalesce(sum(f.chunks), 0) into v_files, v_chunks
        from pgdex.matching_files(p_repository_id, p_path_regex, p_without_regex, p_language) f;
        if v_chunks = 0 then
            return;
        end if;
    end if;
    -- Here and not as a SET of the function: only a superuser may name another module's setting in a definition.
    perform set_config('hnsw.iterative_scan', 'relaxed_order', true),
        set_config('hnsw.ef_search', greatest(p_ef_search, p_limit)::text, true),
        set_config('hnsw.max_scan_tuples', '200000', true);
    return query execute format($query$
        select near.file_id, near.ordinal, 1 - near.distance
        from (
            select c.file_id, c.ordinal, %4$s as distance
            from %5$s c
            where c.model_id = %3$s %6$s %7$s
            order by %4$s
            limit $2
        ) as near
        order by near.distance, near.file_id, near.ordinal
    $query$,
        v_table, p_dimension, p_model_id,
        format('c.embedding::halfvec(%1$s) <=> $1::halfvec(%1$s)', p_dimension),
        case
            when v_chunks <= p_exact_chunks then format(
                '(select * from pgdex.%I as a where a.file_id = any ($3) offset 0)', v_table)
            else format('pgdex.%I', v_table)
        end,
        case when v_chunks > p_exact_chunks then 'and c.file_id = any ($3)' else '' end,
        case when p_kinds is not null then 'and c.kind = any ($4)' else '' end)
    using p_query, p_limit, v_files, p_kinds;
end
$$;
