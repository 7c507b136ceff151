-- Builds the vector index of a repository (HNSW over the vectors of its present model); false where somebody else does,
-- or a job of it is live.
--
-- Writing to the repository waits meanwhile, searching does not: whoever calls this cancels the statement when a job of
-- the repository becomes live. Memory: the graph of 300,000 vectors of 256 numbers fits into 512 MB; in PostgreSQL's
-- own 64 MB building takes twice as long. Runs with its owner's rights, since a worker owns no table.
create or replace function pgdex.build_vector_index(p_repository_id bigint, p_exact_chunks bigint) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pgdex, pg_temp
set maintenance_work_mem = '512MB'
as $$
declare
    v_repository repositories;
begin
    if not pg_try_advisory_xact_lock(hashtext('pgdex.vector_index'), p_repository_id::integer)
        or p_repository_id not in (select pgdex.vector_indexes_due(p_exact_chunks)) then
        return false;
    end if;
    select * into v_repository from repositories where id = p_repository_id;
    execute format(
        'create index %1$I on pgdex.%2$I'
        ' using hnsw ((embedding::@extschema:vector@.halfvec(%3$s)) @extschema:vector@.halfvec_cosine_ops)'
        ' where model_id = %4$s',
        pgdex.vector_index_name(p_repository_id, v_repository.model_id), 'chunks_r' || p_repository_id,
        v_repository.embedding_dimension, v_repository.model_id
    );
    return true;
end
$$;
