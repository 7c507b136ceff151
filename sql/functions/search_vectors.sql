-- The chunks of repositories whose vectors are most similar to the query's, best first; score is the cosine similarity.
-- Only vectors of the given model are compared.
--
-- Four ways:
--   - if p_versions leaves no more than p_exact_chunks chunks, their vectors are compared one by one;
--   - if at least nine tenths of the chunks are left, the vector index (HNSW), if there is one; of these it finds nearly
--     as many as of all (of a million, with a filter that leaves 89 %, 97.8 % instead of 98.4);
--   - with a filter that leaves less, one by kinds, or until that index is built, signatures (search_by_signatures);
--   - without signatures, as in every shared table, all vectors are compared, which is exact.
--
-- HNSW follows links from chunk to chunk, and a query is unlike all of them: it may end where nothing near is linked to,
-- and tell nobody. p_known_versions and p_known_ordinals name chunks that another retriever has found for the query.
-- They are compared as well (4 microseconds each) and found with the others; and if one of them is nearer than the tenth
-- that the index found and not among what it found, it has missed a part: then signatures are compared, too. Of the ten
-- nearest of 300,000 chunks of Node.js and 210,000 of ansible the index finds 94.1 and 93.6 %, with the known ones 96.3
-- and 96.4 %, with signatures after such a miss 98.2 and 98.6 %, for 10 and 14 % of the queries; after two such misses it
-- would be 97.9 and 97.7 %, for 5 and 6 %.
--
-- p_repositories: their chunks are in one table (see chunk_table). p_ef_search: how many candidates HNSW keeps; null for
-- a thousandth of the chunks, between 500 and 1,000 (the most that pgvector takes).
-- p_versions: only chunks of these versions (see matching_versions), which have p_chunks chunks; p_outside: no chunks of
-- these (see view_scope); p_kinds: only chunks of these kinds; null leaves all. Chunks that are known must pass them, too.
create or replace function pgdex.search_vectors(
    p_repositories bigint[], p_model_id smallint, p_dimension integer, p_query text,
    p_versions bigint[], p_chunks bigint, p_outside bigint[], p_kinds text[],
    p_limit integer, p_exact_chunks integer default 20000, p_ef_search integer default null,
    p_candidates integer default 2000, p_known_versions bigint[] default null, p_known_ordinals integer[] default null
) returns table (repository_id bigint, version_id bigint, ordinal integer, score double precision)
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
#variable_conflict use_column
declare
    v_table text := pgdex.chunk_table(p_repositories);
    v_is_shared boolean := v_table like 'chunks\_s%';
    v_is_exact boolean := p_versions is not null and coalesce(p_chunks, 0) <= p_exact_chunks;
    -- to_regclass alone sees more than the transaction does: a table that was made after its snapshot would look empty.
    v_has_signatures boolean := not (v_is_shared or v_is_exact) and exists (
        select from pg_class c
        where c.oid = to_regclass('pgdex.' || pgdex.signature_table_name(p_repositories[1], p_model_id))
    );
    v_has_index boolean := to_regclass(
        'pgdex.' || pgdex.vector_index_name(p_repositories[1], p_model_id)
    ) is not null;
    v_distance text := format(
        'c.embedding::@extschema:vector@.halfvec(%1$s)'
        ' operator(@extschema:vector@.<=>) $1::@extschema:vector@.halfvec(%1$s)', p_dimension
    );
    v_near text;
    v_versions bigint[];
    v_ordinals integer[];
    v_distances double precision[];
    v_tenth double precision;
begin
    if v_table is null then
        return;
    end if;
    if v_has_signatures and (
        p_versions is not null and coalesce(p_chunks, 0) * 10 < pgdex.chunk_count(p_repositories) * 9
        or p_kinds is not null or not v_has_index
    ) then
        return query
        select p_repositories[1], s.version_id, s.ordinal, s.score
        from pgdex.search_by_signatures(
            p_repositories[1], p_model_id, p_dimension, p_query, p_versions, p_outside, p_kinds, p_limit, p_candidates
        ) as s;
        return;
    end if;
    -- Here and not as a SET of the function: only a superuser may name another module's setting in a definition.
    perform set_config('hnsw.iterative_scan', 'relaxed_order', true),
        set_config('hnsw.ef_search', greatest(
            coalesce(p_ef_search, least(greatest(pgdex.chunk_count(p_repositories) / 1000, 500), 1000)), p_limit
        )::text, true),
        set_config('hnsw.max_scan_tuples', '200000', true);
    v_near := format(
        'select c.repository_id, c.version_id, c.ordinal, %s as distance'
        ' from %s c where c.model_id = %s %s order by %1$s limit $2',
        v_distance,
        case
            when v_is_exact then format(
                '(select * from pgdex.%I as a where a.repository_id = any ($5) and a.version_id = any ($3) offset 0)',
                v_table)
            else format('pgdex.%I', v_table)
        end,
        p_model_id,
        concat_ws(
            ' ',
            case when not v_is_exact then pgdex.version_condition('c.version_id', '$3', cardinality(p_versions)) end,
            pgdex.version_condition('c.version_id', '$6', cardinality(p_outside), true),
            case when v_is_shared and not v_is_exact then 'and c.repository_id = any ($5)' end,
            case when p_kinds is not null then 'and c.kind = any ($4)' end
        )
    );
    if not (v_has_signatures and cardinality(p_known_versions) > 0) then
        return query execute format($query$
            select near.repository_id, near.version_id, near.ordinal, 1 - near.distance
            from (%s) as near
            -- + 0: a scan in relaxed order is taken for a sorted one otherwise, and nothing is sorted.
            order by near.distance + 0, near.version_id, near.ordinal
        $query$, v_near)
        using p_query, p_limit, p_versions, p_kinds, p_repositories, p_outside;
        return;
    end if;
    execute format($query$
        with near as materialized (%s)
        select array_agg(f.version_id), array_agg(f.ordinal), array_agg(f.distance),
            (select n.distance from near n order by n.distance + 0 offset 9 limit 1)
        from (
            select n.version_id, n.ordinal, n.distance from near n
            union
            select w.version_id, w.ordinal, one.distance
            from unnest($7, $8) as w (version_id, ordinal)
            cross join lateral (
                select %s as distance
                from pgdex.%I c
                where c.repository_id = any ($5) and c.version_id = w.version_id and c.ordinal = w.ordinal
                    and c.model_id = %s
                offset 0  -- one by one, as in search_by_signatures
            ) as one
            order by 3, 1, 2
            limit $2 + 1
        ) as f
    $query$, v_near, v_distance, v_table, p_model_id)
    into v_versions, v_ordinals, v_distances, v_tenth
    using p_query, p_limit, p_versions, p_kinds, p_repositories, p_outside, p_known_versions, p_known_ordinals;
    -- With one of them nearer than the tenth, the tenth of all is nearer.
    if v_distances[10] < coalesce(v_tenth, 'infinity') then
        return query
        select p_repositories[1], f.version_id, f.ordinal, f.score
        from (
            select g.version_id, g.ordinal, 1 - g.distance as score
            from unnest(v_versions, v_ordinals, v_distances) as g (version_id, ordinal, distance)
            union
            select s.version_id, s.ordinal, s.score
            from pgdex.search_by_signatures(
                p_repositories[1], p_model_id, p_dimension, p_query, p_versions, p_outside, p_kinds, p_limit, p_candidates
            ) as s
        ) as f
        order by f.score desc, f.version_id, f.ordinal
        limit p_limit;
        return;
    end if;
    return query
    select p_repositories[1], f.version_id, f.ordinal, 1 - f.distance
    from unnest(v_versions, v_ordinals, v_distances) with ordinality as f (version_id, ordinal, distance, place)
    where f.place <= p_limit
    order by f.place;
end
$$;
