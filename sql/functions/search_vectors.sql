-- The chunks of repositories whose vectors are most similar to the query's, best first; score is the cosine similarity.
-- Only vectors of the given model are compared.
--
-- Four ways:
--   - if p_versions leaves no more than p_exact_chunks chunks, their vectors are compared one by one;
--   - if at least nine tenths of the chunks are left, the vector index (HNSW), if there is one; of these it finds nearly
--     as many as of all (of a million, with a filter that leaves 89 %, 97.8 % instead of 98.4);
--   - with a filter that leaves less, one by kinds, or until that index is built, the signatures (build_signatures) of all
--     chunks that pass are compared by Jaccard distance, and the vectors of the p_candidates best: 0.1 microseconds a chunk instead of 0.35,
--     and of the ten nearest 98.9 % are found, whatever the filter (of vectors of mostly zeros 90 %);
--   - without signatures, as in every shared table, all vectors are compared, which is exact.
--
-- p_repositories: their chunks are in one table (see chunk_table). p_ef_search: how many candidates HNSW keeps; null for
-- a thousandth of the chunks, between 600 and 1,000 (the most that pgvector takes). Of the ten nearest of a million
-- chunks of C, 97.8 % were found with 600, 98.2 with 800, 98.4 with 1,000, in 13, 18 and 23 ms of processor time; of
-- 210,000 chunks of Python 98.5 % with each of 400 to 1,000.
-- p_versions: only chunks of these versions (see matching_versions), which have p_chunks chunks; p_outside: no chunks of
-- these (see view_scope); p_kinds: only chunks of these kinds; null leaves all.
create or replace function pgdex.search_vectors(
    p_repositories bigint[], p_model_id smallint, p_dimension integer, p_query text,
    p_versions bigint[], p_chunks bigint, p_outside bigint[], p_kinds text[],
    p_limit integer, p_exact_chunks integer default 20000, p_ef_search integer default null,
    p_candidates integer default 2000
) returns table (repository_id bigint, version_id bigint, ordinal integer, score double precision)
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
#variable_conflict use_column
declare
    v_table text := pgdex.chunk_table(p_repositories);
    v_is_shared boolean := v_table like 'chunks\_s%';
    v_is_exact boolean := p_versions is not null and coalesce(p_chunks, 0) <= p_exact_chunks;
    v_signatures text := pgdex.signature_table_name(p_repositories[1], p_model_id);
    v_vector text := format('$1::@extschema:vector@.halfvec(%s)', p_dimension);
    v_ef_search integer := p_ef_search;
begin
    if v_table is null then
        return;
    end if;
    -- to_regclass alone sees more than the transaction does: a table that was made after its snapshot would look empty.
    if not (v_is_shared or v_is_exact) and exists (
        select from pg_class c where c.oid = to_regclass('pgdex.' || v_signatures)
    ) and (
        p_versions is not null and coalesce(p_chunks, 0) * 10 < pgdex.chunk_count(p_repositories) * 9
        or p_kinds is not null
        or to_regclass('pgdex.' || pgdex.vector_index_name(p_repositories[1], p_model_id)) is null
    ) then
        return query execute format($query$
            select $5, candidate.version_id, candidate.ordinal, 1 - near.distance
            from (
                select s.version_id, s.ordinal
                from pgdex.%1$I s
                where true %4$s %5$s %6$s
                order by s.signature operator(@extschema:vector@.<%%>) %3$s
                limit $7
            ) as candidate
            cross join lateral (
                select c.embedding::@extschema:vector@.halfvec(%7$s) operator(@extschema:vector@.<=>) %8$s as distance
                from pgdex.%2$I c
                where c.repository_id = $5 and c.version_id = candidate.version_id and c.ordinal = candidate.ordinal
                offset 0  -- one by one: a plan that reads all chunks once more looks cheaper than it is
            ) as near
            order by near.distance, candidate.version_id, candidate.ordinal
            limit $2
        $query$,
            v_signatures, v_table, pgdex.signature_expression(v_vector, p_dimension),
            pgdex.version_condition('s.version_id', '$3', cardinality(p_versions)),
            pgdex.version_condition('s.version_id', '$6', cardinality(p_outside), true),
            case when p_kinds is not null then 'and s.kind = any ($4)' end,
            p_dimension, v_vector)
        using p_query, p_limit, p_versions, p_kinds, p_repositories[1], p_outside, greatest(p_candidates, p_limit);
        return;
    end if;
    if v_ef_search is null then
        v_ef_search := least(greatest(pgdex.chunk_count(p_repositories) / 1000, 600), 1000);
    end if;
    -- Here and not as a SET of the function: only a superuser may name another module's setting in a definition.
    perform set_config('hnsw.iterative_scan', 'relaxed_order', true),
        set_config('hnsw.ef_search', greatest(v_ef_search, p_limit)::text, true),
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
        -- + 0: a scan in relaxed order is taken for a sorted one otherwise, and nothing is sorted.
        order by near.distance + 0, near.version_id, near.ordinal
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
            case when not v_is_exact then pgdex.version_condition('c.version_id', '$3', cardinality(p_versions)) end,
            pgdex.version_condition('c.version_id', '$6', cardinality(p_outside), true),
            case when v_is_shared and not v_is_exact then 'and c.repository_id = any ($5)' end
        ),
        case when p_kinds is not null then 'and c.kind = any ($4)' else '' end)
    using p_query, p_limit, p_versions, p_kinds, p_repositories, p_outside;
end
$$;
