-- The repositories that are large enough for a vector index, have none for their present model, and are not being
-- indexed.
--
-- p_exact_chunks: up to this many chunks, an exact scan is as fast as anyone needs, and finds the exact answer. HNSW
-- takes halfvecs of up to 4,000 dimensions; larger ones are always searched exactly. Cheap: it looks at the counts that
-- the finish of a job leaves, not at chunks.
create or replace function pgdex.vector_indexes_due(p_exact_chunks bigint) returns setof bigint
language sql stable
set search_path = pg_catalog, pgdex, pg_temp
as $$
    select r.id
    from repositories r
    where r.chunks > p_exact_chunks and r.embedding_dimension <= 4000 and r.removed_at is null
        and to_regclass('pgdex.' || pgdex.vector_index_name(r.id, r.model_id)) is null
        and not exists (
            select from indexing_jobs j join views v on v.id = j.view_id
            where v.repository_id = r.id and pgdex.is_live(j.status)
        )
    order by r.id
$$;
