-- The embeddings that a project already has of texts that are to be embedded: in the chunks that the files have now,
-- and in the embedding cache. embedding: as halfvec_send writes it. Only vectors of the given model.
create or replace function pgdex.known_embeddings(
    p_repository_id bigint, p_model_id smallint, p_paths text[], p_hashes uuid[]
) returns table (text_hash uuid, embedding bytea)
language plpgsql stable
set search_path = pg_catalog, pgdex, pg_temp
as $$
#variable_conflict use_column
declare
    v_table text := pgdex.chunk_table(array[p_repository_id]);
begin
    if v_table is not null then
        return query execute format($query$
            select hash, @extschema:vector@.halfvec_send(c.embedding)
            from pgdex.files f
            join pgdex.%I c on c.repository_id = $1 and c.file_id = f.id and c.model_id = $2
            cross join lateral pgdex.embedded_text_hash(f.path, c.symbol, c.content) as hash
            where f.repository_id = $1 and f.path = any ($3) and hash = any ($4)
        $query$, v_table)
        using p_repository_id, p_model_id, p_paths, p_hashes;
    end if;
    return query
    select d.text_hash, @extschema:vector@.halfvec_send(d.embedding)
    from embedding_cache d
    where d.project_id = (select r.project_id from repositories r where r.id = p_repository_id)
        and d.model_id = p_model_id and d.text_hash = any (p_hashes);
end
$$;
