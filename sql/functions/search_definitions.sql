-- The chunks of repositories in which one of the names is defined; is_exact: spelled as in the query.
--
-- p_repositories: their chunks are in one table (see chunk_table). p_exact, p_folded: ids of the terms for definitions,
-- as spelled and in lower case (indexer/terms.py). p_versions: only chunks of these versions (see matching_versions),
-- p_outside: no chunks of these (see view_scope), p_kinds: only chunks of these kinds; null leaves all.
create or replace function pgdex.search_definitions(
    p_repositories bigint[], p_exact integer[], p_folded integer[],
    p_versions bigint[], p_outside bigint[], p_kinds text[], p_limit integer
) returns table (repository_id bigint, version_id bigint, ordinal integer, is_exact boolean)
language plpgsql stable
set search_path = pg_catalog, pgdex, pg_temp
as $$
#variable_conflict use_column
declare
    v_table text := pgdex.chunk_table(p_repositories);
begin
    if v_table is null then
        return;
    end if;
    return query execute format($query$
        select c.repository_id, c.version_id, c.ordinal, c.lexemes && $1
        from pgdex.%I c
        where c.lexemes && ($1 || $2) %s %s %s %s
        order by 4 desc, c.version_id, c.ordinal
        limit $3
    $query$,
        v_table,
        case when v_table like 'chunks\_s%' then 'and c.repository_id = any ($6)' else '' end,
        -- The index over lexemes finds few chunks: planning for 4,700 versions took 4 ms, everything else 0.7.
        pgdex.version_condition('c.version_id', '$4', cardinality(p_versions), false, 0),
        pgdex.version_condition('c.version_id', '$7', cardinality(p_outside), true, 0),
        case when p_kinds is not null then 'and c.kind = any ($5)' else '' end)
    using p_exact, p_folded, p_limit, p_versions, p_kinds, p_repositories, p_outside;
end
$$;
