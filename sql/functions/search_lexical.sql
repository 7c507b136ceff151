-- The chunks of repositories that have the terms, by BM25, best first.
--
-- A chunk's term_weights hold the part of BM25 that depends on the chunk (see indexer/chunk_terms.py); the rarity of
-- the terms comes from term_frequencies, and the score is the inner product of the two. It is computed for the chunks
-- that have
--   - a rare term: the rarest ones, as long as together they are in no more than p_candidates chunks;
--   - for the other terms, the term in a symbol, or two of the terms;
-- so that a word that is in half of the chunks does not cost a pass over half of the table. If these are fewer than
-- p_limit, up to 4,000 others with the rarest of the other terms are looked at too: with a filter, of a part of its
-- versions or of the table's pages, so that it does not matter where they lie. In repositories of up to
-- p_candidates chunks nothing is left out; in one of 210,000, nine of the first ten hits are those of looking at
-- everything. For small repositories that share a table with others, the score of every chunk is computed (see
-- reads_every_chunk).
--
-- p_repositories: their chunks are in one table (see chunk_table). p_terms: ids of terms; p_symbol_terms: for each, the
-- id of the same term in a symbol. p_versions: only chunks of these versions (see matching_versions), which have
-- p_chunks chunks; p_outside: no chunks of these (see view_scope); p_kinds: only chunks of these kinds; null leaves all.
-- p_frequencies, p_total: what term_frequencies says of p_terms, if that is known; else it is asked.
create or replace function pgdex.search_lexical(
    p_repositories bigint[], p_terms integer[], p_symbol_terms integer[],
    p_versions bigint[], p_chunks bigint, p_outside bigint[], p_kinds text[], p_limit integer,
    p_candidates integer default 6000,
    p_frequencies double precision[] default null, p_total double precision default null
) returns table (repository_id bigint, version_id bigint, ordinal integer, score double precision)
language plpgsql stable
set search_path = pg_catalog, pgdex, pg_temp
set synchronize_seqscans = off  -- where some of the chunks are looked at, the same each time
as $$
#variable_conflict use_column
declare
    v_table text := pgdex.chunk_table(p_repositories);
    v_is_shared boolean := v_table like 'chunks\_s%';
    v_every boolean := pgdex.reads_every_chunk(v_table, p_repositories);
    v_query text;
    v_total double precision;
    v_left double precision := p_candidates;
    v_rare integer[] := '{}';
    v_other integer[] := '{}';
    v_shares double precision[] := '{}';
    v_conditions text[] := '{}';
    v_term record;
    v_found text;
    v_narrowed text;
    v_count bigint;
    -- An index finds the chunks of up to 5,000 versions (version_condition). Of more, each chunk that has the terms is
    -- read to see whose it is, 2 microseconds each. With this limit, words take 41 ms instead of 81 where 67,000 of a
    -- million chunks are meant, of 23,000 versions; 85 % of the first 200 are those of looking at everything instead of
    -- 87, and as many of the first ten, 92.
    v_most_read double precision := case when cardinality(p_versions) > 5000 then 30000 else 1e12 end;
    v_others integer := least(p_candidates, 4000);
    v_spread double precision;
    v_sample text;
    v_versions bigint[] := p_versions;
begin
    if v_table is null or cardinality(p_terms) = 0 then
        return;
    end if;
    for v_term in
        select t.term, t.frequency, t.total
        from (
            select unnest(p_terms) as term, unnest(p_frequencies) as frequency, p_total as total
            where p_frequencies is not null
            union all
            select f.term, f.frequency, f.total from pgdex.term_frequencies(p_repositories, p_terms) as f
            where p_frequencies is null
        ) as t
        where t.frequency > 0
        order by t.frequency, t.term
    loop
        if v_total is null and p_versions is not null then
            -- Most of what is found is not meant.
            v_left := least(v_left * greatest(1, v_term.total / greatest(p_chunks, 1)), greatest(v_left, v_most_read));
        end if;
        v_total := v_term.total;
        v_query := concat_ws(
            ',', v_query,
            v_term.term + 1 || ':' || ln(1 + (v_total - v_term.frequency + 0.5) / (v_term.frequency + 0.5))
        );
        if v_term.frequency <= v_left then
            v_left := v_left - v_term.frequency;
            v_rare := v_rare || v_term.term;
        else  -- and so are all that follow, which are more frequent
            v_other := v_other || v_term.term;
            v_shares := v_shares || v_term.frequency / v_total;
        end if;
    end loop;
    if cardinality(v_other) > 0 then
        -- Counting a term takes up to 3 ms: those in symbols are counted only where that is asked.
        for v_term in
            select counted.term, counted.frequency
            from unnest(v_other) with ordinality as o (term, place)
            join unnest(p_terms, p_symbol_terms) as s (term, symbol_term) on s.term = o.term
            join pgdex.term_frequencies(p_repositories, array(
                select s.symbol_term from unnest(p_terms, p_symbol_terms) as s (term, symbol_term)
                where s.term = any (v_other)
            )) as counted on counted.term = s.symbol_term
            order by o.place
        loop
            if v_term.frequency <= v_left then
                v_left := v_left - v_term.frequency;
                v_rare := v_rare || v_term.term;
            end if;
        end loop;
    end if;
    if v_query is null then
        return;
    end if;
    if cardinality(v_rare) > 0 then
        v_conditions := array[format('c.lexemes && %L::integer[]', v_rare)];
    end if;
    -- Terms that go together are some four times as often in one chunk as chance has it.
    for v_term in
        select v_other[a] as one, v_other[b] as two, v_shares[a] * v_shares[b] * v_total * 4 as frequency
        from generate_subscripts(v_other, 1) as a
        join generate_subscripts(v_other, 1) as b on a < b
        order by 3
    loop
        exit when v_term.frequency > v_left;
        v_left := v_left - v_term.frequency;
        v_conditions := v_conditions || format('c.lexemes @> %L::integer[]', array[v_term.one, v_term.two]);
    end loop;

    v_narrowed := concat_ws(
        ' ',
        case when v_is_shared then 'and c.repository_id = any ($7)' end,
        pgdex.version_condition('c.version_id', '$8', cardinality(p_outside), true),
        case when p_kinds is not null then 'and c.kind = any ($4)' end
    );
    v_found := case when v_every then 'true' else coalesce(nullif(array_to_string(v_conditions, ' or '), ''), 'false') end;
    return query execute format($query$
        select scored.repository_id, scored.version_id, scored.ordinal, -scored.distance
        from (
            select c.repository_id, c.version_id, c.ordinal,
                c.term_weights operator(@extschema:vector@.<#>) $1::@extschema:vector@.sparsevec as distance
            from pgdex.%I c
            where (%s) %s %s %s
        ) as scored
        %s
        order by scored.distance, scored.version_id, scored.ordinal
        limit $2
    $query$,
        v_table, v_found, v_narrowed, pgdex.version_condition('c.version_id', '$3', cardinality(p_versions)),
        case when v_every then 'offset 0' end,  -- so that the score is worked out once
        case when v_every then 'where scored.distance < 0' end)
    using format('{%s}/1000000000', v_query), p_limit, p_versions, p_kinds, null, null, p_repositories, p_outside;
    get diagnostics v_count = row_count;
    if v_every or v_count >= p_limit or cardinality(v_other) = 0 then
        return;
    end if;
    -- Of many versions every nth is enough, of which there are twice as many chunks with the term as are looked at. The
    -- table from its start, where for the first 150,000 chunks there may be none of these versions, took 0.3 s.
    v_spread := v_shares[1] * p_chunks / (2 * v_others);
    if cardinality(p_versions) > 5000 and cardinality(p_versions) <= 5000 * v_spread then
        v_versions := array(
            select one.id from unnest(p_versions) with ordinality as one (id, place)
            where one.place % floor(v_spread)::bigint = 0
        );
    end if;
    -- And of all pages a tenth at most, if that has eight times as many: less often the index over lexemes is faster.
    if p_versions is null and p_kinds is not null and not v_is_shared and v_shares[1] * v_total > 80 * v_others then
        v_sample := format('tablesample system (%s) repeatable (0)', 800 * v_others / (v_shares[1] * v_total));
    end if;
    return query execute format($query$
        select other.repository_id, other.version_id, other.ordinal, -other.distance
        from (
            select c.repository_id, c.version_id, c.ordinal,
                c.term_weights operator(@extschema:vector@.<#>) $1::@extschema:vector@.sparsevec as distance
            from pgdex.%I c %s
            where true %s %s and c.lexemes @> array[$5] and not (%s)
            limit $6
        ) as other
        order by other.distance, other.version_id, other.ordinal
        limit $2
    $query$,
        v_table, v_sample, v_narrowed, pgdex.version_condition('c.version_id', '$3', cardinality(v_versions)), v_found)
    using format('{%s}/1000000000', v_query), p_limit - v_count, v_versions, p_kinds, v_other[1], v_others,
        p_repositories, p_outside;
end
$$;
