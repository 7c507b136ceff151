-- For those who write chunks: the table that holds those of a repository, and that stays the right one until the
-- caller's transaction ends. Moving them to another table (ensure_chunk_partition) waits until then; nothing else does.
create or replace function pgdex.lock_chunk_table(p_repository_id bigint) returns text
language sql
set search_path = pg_catalog, pgdex, pg_temp
as $$
    select r.chunk_table from repositories r where r.id = p_repository_id for key share
$$;
