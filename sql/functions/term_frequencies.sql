-- How many chunks of a repository have each of the terms: from the statistics that ANALYZE keeps of the thousand or so
-- most common ones, and counted for the others, up to 2,000 (what is more frequent than that is among the common ones
-- of any repository where it matters).
--
-- p_terms: numbers of terms, as in chunks.lexemes. total: the chunks of the repository. One row a term.
create or replace function pgdex.term_frequencies(p_repository_id bigint, p_terms integer[])
returns table (term integer, frequency double precision, total double precision)
language plpgsql stable
set search_path = pg_catalog, pgdex, pg_temp
as $$
#variable_conflict use_column
declare
    v_table text := 'chunks_r' || p_repository_id;
    v_common integer[];
    v_shares real[];
    v_place integer;
begin
    select greatest(c.reltuples, 0) into total from pg_class c where c.oid = to_regclass('pgdex.' || v_table);
    select s.most_common_elems::text::integer[], s.most_common_elem_freqs into v_common, v_shares
    from pg_stats s
    where s.schemaname = 'pgdex' and s.tablename = v_table and s.attname = 'lexemes';
    foreach term in array p_terms loop
        v_place := array_position(v_common, term);
        if v_place is not null then
            frequency := v_shares[v_place] * total;
        else
            execute format(
                'select count(*) from (select from pgdex.%I where lexemes @> array[$1] limit 2000) as found', v_table
            ) into frequency using term;
        end if;
        total := greatest(total, frequency);
        return next;
    end loop;
end
$$;
