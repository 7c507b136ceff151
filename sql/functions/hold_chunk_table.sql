-- For who writes chunks: the table in which those of a repository lie, which stays the one until the caller's
-- transaction ends. Moving them to another table (ensure_chunk_partition) waits until then; nobody else does.
create or replace function pgdex.hold_chunk_table(p_repository_id bigint) returns text
language sql
set search_path = pg_catalog, pgdex, pg_temp
as $$
    select r.chunk_table from repositories r where r.id = p_repository_id for key share
$$;
