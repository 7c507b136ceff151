-- Deletes from the embedding cache what was not used for longer than p_age, at most p_limit embeddings. Returns how
-- many; the caller repeats it until it returns 0.
create or replace function pgdex.remove_old_embeddings(p_age interval, p_limit integer default 5000) returns integer
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_removed integer;
begin
    delete from embedding_cache
    where (project_id, model_id, text_hash) in (
        select project_id, model_id, text_hash from embedding_cache
        where kept_at < clock_timestamp() - p_age
        order by kept_at
        limit p_limit
        for update skip locked
    );
    get diagnostics v_removed = row_count;
    return v_removed;
end
$$;
