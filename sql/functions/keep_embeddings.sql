-- Puts the embeddings of files whose chunks are about to be deleted into the embedding cache, if they came from a
-- service: switching back to a branch, or restoring a file, then needs no embedding call. remove_old_embeddings deletes
-- them later.
create or replace function pgdex.keep_embeddings(p_repository_id bigint, p_file_ids bigint[]) returns void
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_models smallint[] := array(select m.id from embedding_models m where m.name ~ '^(ollama|openai):');
    v_table text := pgdex.chunk_table(array[p_repository_id]);
begin
    if v_table is null or cardinality(v_models) = 0 or coalesce(cardinality(p_file_ids), 0) = 0 then
        return;
    end if;
    execute format($query$
        insert into pgdex.embedding_cache as d (project_id, model_id, text_hash, embedding)
        select distinct on (c.model_id, hash) r.project_id, c.model_id, hash, c.embedding
        from pgdex.repositories r
        join pgdex.files f on f.repository_id = r.id
        join pgdex.%I c on c.repository_id = $1 and c.file_id = f.id
        cross join lateral pgdex.embedded_text_hash(f.path, c.symbol, c.content) as hash
        where r.id = $1 and f.id = any ($2) and c.model_id = any ($3)
        on conflict (project_id, model_id, text_hash) do update set kept_at = clock_timestamp()
    $query$, v_table)
    using p_repository_id, p_file_ids, v_models;
end
$$;
