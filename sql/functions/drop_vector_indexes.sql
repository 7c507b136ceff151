-- Drops the vector indexes of a repository, all but that of p_kept_model (null: all of them). Signatures are compared until one
-- is built again. Returns false if one remains because another transaction has used the table (a dump does, for hours):
-- this never waits for that, and the caller may try again later. Never call it in a transaction that holds a job's row.
-- Runs with its owner's rights, because a worker owns no table.
create or replace function pgdex.drop_vector_indexes(p_repository_id bigint, p_kept_model smallint) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pgdex, pg_temp
set lock_timeout = '300ms'
as $$
declare
    v_index text;
    v_is_done boolean := true;
begin
    for v_index in
        select indexname from pg_indexes
        where schemaname = 'pgdex' and tablename = 'chunks_r' || p_repository_id
            and starts_with(indexname, 'chunks_r' || p_repository_id || '_hnsw_m')
            and indexname is distinct from pgdex.vector_index_name(p_repository_id, p_kept_model)
    loop
        begin
            execute format('drop index if exists pgdex.%I', v_index);
        exception when lock_not_available then
            v_is_done := false;
        end;
    end loop;
    return v_is_done;
end
$$;
