-- Keeps the embeddings of files whose chunks are about to be deleted, where they came from a service: a branch that is
-- switched back, or a file that is put back, is then embedded without a call. remove_old_embeddings lets them go.
create or replace function pgdex.keep_embeddings(p_repository_id bigint, p_file_ids bigint[]) returns void
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
begin
    -- The first index of a repository deletes nothing: without this, each of its batches looked at all of its files.
    if coalesce(cardinality(p_file_ids), 0) = 0 then
        return;
    end if;
    insert into departed_embeddings as d (project_id, model_id, text_hash, embedding)
    select distinct on (c.model_id, hash) r.project_id, c.model_id, hash, c.embedding
    from repositories r
    join files f on f.repository_id = r.id
    join chunks c on c.repository_id = r.id and c.file_id = f.id
    join embedding_models m on m.id = c.model_id
    cross join lateral pgdex.embedded_text_hash(f.path, c.symbol, c.content) as hash
    where r.id = p_repository_id and f.id = any (p_file_ids) and m.name ~ '^(ollama|openai):'
    on conflict (project_id, model_id, text_hash) do update set kept_at = clock_timestamp();
end
$$;
