-- Removes the chunks of files from their table, in the caller's transaction, and puts their embeddings into the cache
-- if a service made them (see keep_embeddings).
create or replace function pgdex.delete_chunks(p_repository_id bigint, p_file_ids bigint[]) returns void
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_table text := pgdex.lock_chunk_table(p_repository_id);
begin
    -- The first index of a repository deletes nothing: without this, each of its batches looked at all of its files.
    if v_table is null or coalesce(cardinality(p_file_ids), 0) = 0 then
        return;
    end if;
    perform pgdex.keep_embeddings(p_repository_id, p_file_ids);
    execute format('delete from pgdex.%I where repository_id = $1 and file_id = any ($2)', v_table)
        using p_repository_id, p_file_ids;
end
$$;
