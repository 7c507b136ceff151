-- Removes the chunks of versions from their table, in the caller's transaction.
create or replace function pgdex.delete_chunks(p_repository_id bigint, p_version_ids bigint[]) returns void
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_table text;
begin
    -- The first index of a repository deletes nothing.
    if coalesce(cardinality(p_version_ids), 0) = 0 then
        return;
    end if;
    v_table := pgdex.lock_chunk_table(p_repository_id);
    if v_table is not null then
        execute format('delete from pgdex.%I where repository_id = $1 and version_id = any ($2)', v_table)
            using p_repository_id, p_version_ids;
    end if;
end
$$;
