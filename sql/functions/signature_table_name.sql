-- The name of the table that holds the signatures of a repository's vectors of one model; null if there is no model.
create or replace function pgdex.signature_table_name(p_repository_id bigint, p_model_id smallint) returns text
language sql immutable
as $$
    select 'chunks_r' || p_repository_id || '_signatures_m' || p_model_id
$$;
