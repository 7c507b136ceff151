-- Drops the vector indexes of a repository, all but that of p_kept_model (null: all of them). Search is exact until one
-- is built again. Runs with its owner's rights, since a worker owns no table.
create or replace function pgdex.drop_vector_indexes(p_repository_id bigint, p_kept_model smallint) returns void
language plpgsql security definer
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_index record;
begin
    for v_index in
        select indexname from pg_indexes
        where schemaname = 'pgdex' and tablename = 'chunks_r' || p_repository_id
            and starts_with(indexname, 'chunks_r' || p_repository_id || '_hnsw_m')
            and indexname is distinct from pgdex.vector_index_name(p_repository_id, p_kept_model)
    loop
        execute format('drop index pgdex.%I', v_index.indexname);
    end loop;
end
$$;
