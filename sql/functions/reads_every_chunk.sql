-- Whether reading all chunks of repositories is cheaper for a search than the index over words: in a shared table, that
-- index finds the chunks of all its repositories. It is cheaper if they have few chunks, or few of the table's.
create or replace function pgdex.reads_every_chunk(p_table text, p_repositories bigint[]) returns boolean
language plpgsql stable
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_chunks bigint;
begin
    if p_table not like 'chunks\_s%' then
        return false;
    end if;
    v_chunks := pgdex.chunk_count(p_repositories);
    return v_chunks <= 10000 or v_chunks * 10 <= (
        select reltuples from pg_class where oid = to_regclass(format('pgdex.%I', p_table))
    );
end
$$;
