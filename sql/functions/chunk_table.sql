-- The table that holds the chunks of repositories, for a statement that names it; all of them must be in the same one.
-- Null if nothing of theirs was ever indexed.
--
-- A statement that names pgdex.chunks instead locks every table of every repository when it is planned. Errors: PX005
-- (the repositories are in different tables: ask for each table, see repositories.chunk_table).
create or replace function pgdex.chunk_table(p_repository_ids bigint[]) returns text
language plpgsql stable
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_tables text[] := array(
        select distinct r.chunk_table from repositories r
        where r.id = any (p_repository_ids) and r.chunk_table is not null
    );
begin
    if cardinality(v_tables) > 1 then
        raise exception 'the chunks of these repositories lie in different tables: %', array_to_string(v_tables, ', ')
            using errcode = 'PX005';
    end if;
    return v_tables[1];
end
$$;
