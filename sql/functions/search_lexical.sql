-- The chunks of one repository that hold the words, by BM25 (k1 1.2, b 0.75), best first.
--
-- A word's rarity comes from the statistics that ANALYZE keeps of lexemes (the thousand or so most common ones
-- with their share; any other is rarer than those): counting would cost a pass over each word's postings. Words in
-- more than a fifth of the chunks choose no candidates while rarer ones do. Candidates are ordered by the rarity
-- of the words that they have; the best p_candidates of them are then weighed by how often they have them, with
-- words of the symbol counting three times and words of the path twice.
create or replace function pgdex.search_lexical(
    p_repository_id bigint, p_words text[], p_path_regex text, p_language text, p_limit integer,
    p_candidates integer default 400
) returns table (file_id bigint, ordinal integer, score double precision)
language plpgsql stable
set search_path = pgdex, pg_temp
as $$
#variable_conflict use_column
declare
    v_table text := 'chunks_r' || p_repository_id;
    v_total double precision;
    v_words text[];
    v_idf double precision[];
    v_query tsquery;
begin
    if to_regclass('pgdex.' || v_table) is null or cardinality(p_words) = 0 then
        return;
    end if;
    select greatest(reltuples, 1) into v_total from pg_class where oid = to_regclass('pgdex.' || v_table);

    with common as (
        select w.word, w.share
        from pg_stats s,
            unnest(s.most_common_elems::text::text[], s.most_common_elem_freqs[1:cardinality(s.most_common_elems::text::text[])])
                as w (word, share)
        where s.schemaname = 'pgdex' and s.tablename = v_table and s.attname = 'lexemes'
    ),
    weighed as (
        select q.word, coalesce(c.share, (select min(share) / 2 from common), 0) as share
        from (select distinct unnest(p_words) as word) as q
        left join common c on c.word = q.word
    )
    select
        array_agg(word order by word),
        array_agg(ln(1 + (1 - share + 0.5 / v_total) / (share + 0.5 / v_total)) order by word),
        coalesce(
            string_agg(quote_literal(word), ' | ') filter (where share <= 0.2),
            string_agg(quote_literal(word), ' | ')
        )::tsquery
    into v_words, v_idf, v_query
    from weighed;

    return query execute format($query$
        with query_words as (
            select word, idf, quote_literal(word)::tsquery as has from unnest($1, $2) as w (word, idf)
        ),
        candidates as materialized (
            select c.file_id, c.ordinal, c.lexemes
            from pgdex.%I c
            where c.lexemes @@ $3
                and (
                    ($4::text is null and $5::text is null) or c.file_id in (
                        select f.id from files f
                        where f.repository_id = $6 and ($4 is null or f.path ~ $4) and ($5 is null or f.language = $5)
                    )
                )
        ),
        best as (
            select file_id, ordinal, lexemes
            from candidates
            order by (select sum(idf) from query_words w where lexemes @@ w.has) desc, file_id, ordinal
            limit $7
        ),
        average as (select avg(length(lexemes)) as length from best)
        select b.file_id, b.ordinal, sum(
            w.idf * t.tf * 2.2 / (t.tf + 1.2 * (0.25 + 0.75 * length(b.lexemes) / average.length))
        ) as score
        from best b
        cross join average
        cross join lateral (
            select
                l.lexeme,
                (
                    select sum(case weight when 'A' then 3 when 'B' then 2 else 1 end)
                    from unnest(l.weights) as weight
                )::double precision as tf
            from unnest(ts_filter(b.lexemes, '{a,b,c,d}')) as l
            where l.lexeme = any ($1)
        ) as t
        join query_words w on w.word = t.lexeme
        group by b.file_id, b.ordinal
        order by score desc, b.file_id, b.ordinal
        limit $8
    $query$, v_table)
    using v_words, v_idf, v_query, p_path_regex, p_language, p_repository_id, p_candidates, p_limit;
end
$$;
