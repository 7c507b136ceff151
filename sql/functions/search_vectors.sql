-- The chunks of one repository whose vectors are nearest to the query's, best first; score is the cosine
-- similarity. Only vectors of the given model are compared.
--
-- Without a vector index this is an exact scan of the repository's partition; with one, iterative_scan keeps
-- looking until the limit is met, so that a filter does not silently lose rows.
create or replace function pgdex.search_vectors(
    p_repository_id bigint, p_model_id smallint, p_dimension integer, p_query text,
    p_path_regex text, p_language text, p_limit integer
) returns table (file_id bigint, ordinal integer, score double precision)
language plpgsql
set search_path = pgdex, public, extensions, pg_temp
as $$
declare
    v_table text := 'chunks_r' || p_repository_id;
begin
    if to_regclass('pgdex.' || v_table) is null then
        return;
    end if;
    -- Here and not as a SET of the function: only a superuser may name another module's setting in a definition.
    perform set_config('hnsw.iterative_scan', 'relaxed_order', true);
    return query execute format($query$
        select near.file_id, near.ordinal, 1 - near.distance
        from (
            select c.file_id, c.ordinal, c.embedding::halfvec(%2$s) <=> $1::halfvec(%2$s) as distance
            from pgdex.%1$I c
            where c.model_id = %3$s %4$s
            order by c.embedding::halfvec(%2$s) <=> $1::halfvec(%2$s)
            limit $2
        ) as near
        order by near.distance, near.file_id, near.ordinal
    $query$,
        v_table, p_dimension, p_model_id,
        case when p_path_regex is not null or p_language is not null then
            'and c.file_id in (select f.id from files f where f.repository_id = $3
                and ($4 is null or f.path ~ $4) and ($5 is null or f.language = $5))'
        else '' end)
    using p_query, p_limit, p_repository_id, p_path_regex, p_language;
end
$$;
