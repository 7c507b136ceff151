-- The embeddings that a repository already has of texts that are to be embedded: in any version of these files, also one
-- that no view holds at the moment. embedding: as halfvec_send writes it. Only vectors of the given model.
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
            from pgdex.versions v
            join pgdex.%I c on c.repository_id = $1 and c.version_id = v.id and c.model_id = $2
            cross join lateral pgdex.embedded_text_hash(v.path, c.symbol, c.content) as hash
            where v.repository_id = $1 and v.path = any ($3) and hash = any ($4)
        $query$, v_table)
        using p_repository_id, p_model_id, p_paths, p_hashes;
    end if;
end
$$;
