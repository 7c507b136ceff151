-- The name of a repository's vector index for a model; null if there is no model.
create or replace function pgdex.vector_index_name(p_repository_id bigint, p_model_id smallint) returns text
language sql immutable
as $$
    select 'chunks_r' || p_repository_id || '_hnsw_m' || p_model_id
$$;
