-- Builds the vector index of a repository (HNSW over the vectors of its present model), which has a table of its own.
-- Returns false if that is not possible now: another one is being built in this database, the repository has a live
-- job, or (unless p_beside_jobs) any job is running.
--
-- Meanwhile writing to the repository waits, searching does not: the caller cancels the statement when a job of the
-- repository becomes live. p_memory_mb: the graph of 300,000 vectors of 256 numbers fits into 512 MB; with PostgreSQL's
-- own 64 MB, building takes twice as long. p_helpers: how many processes help the one that builds. Runs with its
-- owner's rights, because a worker owns no table; a login that may only read can't take the lock that decides who
-- builds.
--
-- ef_construction: among how many candidates a new vector chooses its links. With pgvector's own 64, the index found
-- 91.7 % of the ten nearest of 312,000 chunks of Node.js (150 queries, 600 candidates), with 200 93 to 97 % in three
-- builds; of 210,000 of ansible (176 queries) 94.3 and 98.6 %. Searching takes the same time, and the index has the same
-- size. Building it takes 2.3 times as much processor time (0.43 ms a chunk), a chunk that is added later 1.4 ms instead
-- of 0.9.
create or replace function pgdex.build_vector_index(
    p_repository_id bigint, p_exact_chunks bigint, p_beside_jobs boolean default false,
    p_memory_mb integer default 512, p_helpers integer default 1
) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pgdex, pg_temp
set lock_timeout = '2s'
as $$
declare
    v_repository repositories;
begin
    begin
        lock table pgdex.vector_index_builds in share update exclusive mode nowait;
    exception when lock_not_available then
        return false;
    end;
    select * into v_repository from repositories where id = p_repository_id;
    if v_repository.chunk_table is distinct from 'chunks_r' || p_repository_id
        or p_repository_id not in (select pgdex.vector_indexes_due(p_exact_chunks))
        or not p_beside_jobs and exists (select from indexing_jobs where status = 'running') then
        return false;
    end if;
    perform set_config('maintenance_work_mem', p_memory_mb || 'MB', true),
        set_config('max_parallel_maintenance_workers', p_helpers::text, true);
    begin
        execute format(
            'create index %1$I on pgdex.%2$I'
            ' using hnsw ((embedding::@extschema:vector@.halfvec(%3$s)) @extschema:vector@.halfvec_cosine_ops)'
            ' with (ef_construction = 200) where model_id = %4$s',
            pgdex.vector_index_name(p_repository_id, v_repository.model_id), v_repository.chunk_table,
            v_repository.embedding_dimension, v_repository.model_id
        );
    exception when lock_not_available then
        return false;
    end;
    delete from vector_index_builds where repository_id = p_repository_id;
    return true;
end
$$;
