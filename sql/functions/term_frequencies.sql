-- How many chunks of repositories have each of the terms. One row per term, in their order.
--
-- p_repositories: those that are searched together; their chunks are in one table. Other repositories in that table
-- don't count. In a repository's own table, the statistics that ANALYZE keeps give the frequencies of the thousand or
-- so most common terms, more in a large one (build_indexes), and the others are counted, up to 2,000 (a more frequent
-- term is among the common ones). In a shared table, up to 2,000 chunks are read and counted; with more, the chunks of
-- every nth file give the frequencies of terms that are common there or in the table, and the others are counted.
-- p_terms: ids of terms, as in chunks.lexemes. total: the chunks of the repositories.
create or replace function pgdex.term_frequencies(p_repositories bigint[], p_terms integer[])
returns table (term integer, frequency double precision, total double precision)
language plpgsql stable
set search_path = pg_catalog, pgdex, pg_temp
as $$
#variable_conflict use_column
declare
    v_table text := pgdex.chunk_table(p_repositories);
    v_is_shared boolean := v_table like 'chunks\_s%';
    v_common integer[];
    v_shares double precision[];
    v_counts bigint[];
    v_sampled bigint;
    v_place integer;
    v_in_sample double precision;
    v_is_common boolean;
begin
    if v_table is null then
        return query select t, 0::double precision, 0::double precision from unnest(p_terms) as t;
        return;
    end if;
    select s.most_common_elems::text::integer[], s.most_common_elem_freqs into v_common, v_shares
    from pg_stats s
    where s.schemaname = 'pgdex' and s.tablename = v_table and s.attname = 'lexemes';
    if v_is_shared then
        total := pgdex.chunk_count(p_repositories);
        execute format($query$
            with of_files as materialized (
                select c.lexemes
                from pgdex.versions v
                join pgdex.%I c on c.repository_id = v.repository_id and c.version_id = v.id
                where v.repository_id = any ($1) and v.chunks > 0 and v.id %% $3 = 0
            ),
            counted as (
                select w.term, count(*) as n from of_files, unnest(of_files.lexemes) as w (term)
                where w.term = any ($2) group by w.term
            )
            select array_agg(coalesce(counted.n, 0) order by t.place), (select count(*) from of_files)
            from unnest($2) with ordinality as t (term, place) left join counted on counted.term = t.term
        $query$, v_table)
        into v_counts, v_sampled
        using p_repositories, p_terms, case when total <= 2000 then 1 else ceil(total / 500)::bigint end;
        if total <= 2000 then
            total := v_sampled;
        end if;
    else
        select greatest(c.reltuples, 0) into total from pg_class c where c.oid = to_regclass('pgdex.' || v_table);
    end if;
    for v_place in 1 .. cardinality(p_terms) loop
        term := p_terms[v_place];
        v_in_sample := v_counts[v_place];
        v_is_common := term = any (v_common);
        frequency := case
            when v_is_shared and total = v_sampled then v_in_sample
            when v_is_shared and v_sampled > 0 and (v_in_sample >= 12 or v_is_common)
                then greatest(v_in_sample, 0.5) / v_sampled * total
            when v_is_common and not v_is_shared then v_shares[array_position(v_common, term)] * total
        end;
        if frequency is null then
            execute format(
                'select count(*) from (select from pgdex.%I where lexemes @> array[$1] %s limit 2000) as found',
                v_table, case when v_is_shared then 'and repository_id = any ($2)' end
            ) into frequency using term, p_repositories;
        end if;
        total := greatest(total, frequency);
        return next;
    end loop;
end
$$;
