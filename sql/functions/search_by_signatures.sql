-- The chunks of a repository whose vectors are most similar to the query's, best first, by their signatures
-- (build_signatures): those of all chunks that pass are compared by Jaccard distance, and then the vectors of the
-- p_candidates best. Of the ten nearest 98.9 % are found, whatever the filter (of vectors of mostly zeros 90 %).
--
-- Sorting every signature to find the 2,000 best takes longer than comparing them: 142 ns a chunk instead of 87. So a
-- sample is compared first, and whatever is farther than four times as many are likely to be, is not sorted. The sample
-- is of whole pages, where the chunks of a file lie together; hence four times.
--
-- p_query, p_model_id, p_dimension, p_limit and the filters are those of search_vectors, which calls it.
create or replace function pgdex.search_by_signatures(
    p_repository_id bigint, p_model_id smallint, p_dimension integer, p_query text,
    p_versions bigint[], p_outside bigint[], p_kinds text[], p_limit integer, p_candidates integer default 2000
) returns table (version_id bigint, ordinal integer, score double precision)
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
#variable_conflict use_column
declare
    v_signatures text := pgdex.signature_table_name(p_repository_id, p_model_id);
    v_vector text := format('$1::@extschema:vector@.halfvec(%s)', p_dimension);
    v_candidates integer := greatest(p_candidates, p_limit);
    v_chunks double precision := greatest((
        select c.reltuples from pg_class c where c.oid = to_regclass('pgdex.' || v_signatures)
    ), 1);
    v_share double precision := least(greatest(0.02, 5000 / v_chunks), 1);
    v_narrowed text := concat_ws(
        ' ',
        pgdex.version_condition('s.version_id', '$3', cardinality(p_versions)),
        pgdex.version_condition('s.version_id', '$5', cardinality(p_outside), true),
        case when p_kinds is not null then 'and s.kind = any ($4)' end
    );
    v_distance text;
    v_signature text;
    v_farthest double precision;
begin
    execute format('select (%s)::text', pgdex.signature_expression(v_vector, p_dimension)) into v_signature using p_query;
    v_distance := format(
        's.signature operator(@extschema:vector@.<%%>) %L::bit(%s)', v_signature, p_dimension * 2
    );
    -- With less than that to leave out, there is nothing to gain.
    if v_chunks > 8 * v_candidates then
        execute format($query$
            select %2$s
            from pgdex.%1$I s tablesample system (%3$s) repeatable (0)
            where true %4$s
            order by 1
            offset %5$s limit 1
        $query$, v_signatures, v_distance, 100 * v_share, v_narrowed, ceil(4 * v_candidates * v_share))
        into v_farthest using p_query, p_limit, p_versions, p_kinds, p_outside;
    end if;
    return query execute format($query$
        select candidate.version_id, candidate.ordinal, 1 - near.distance
        from (
            select s.version_id, s.ordinal
            from pgdex.%1$I s
            where true %4$s %5$s
            order by %3$s
            limit $6
        ) as candidate
        cross join lateral (
            select c.embedding::@extschema:vector@.halfvec(%6$s) operator(@extschema:vector@.<=>) %7$s as distance
            from pgdex.%2$I c
            where c.repository_id = $7 and c.version_id = candidate.version_id and c.ordinal = candidate.ordinal
            offset 0  -- one by one: a plan that reads all chunks once more looks cheaper than it is
        ) as near
        order by near.distance, candidate.version_id, candidate.ordinal
        limit $2
    $query$,
        v_signatures, pgdex.chunk_table(array[p_repository_id]), v_distance, v_narrowed,
        case when v_farthest is not null then format('and %s <= %s', v_distance, v_farthest) end,
        p_dimension, v_vector)
    using p_query, p_limit, p_versions, p_kinds, p_outside, v_candidates, p_repository_id;
end
$$;
