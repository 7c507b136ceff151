-- The hash of what is embedded of a chunk; indexer/pipeline.py (embedding_text) makes the same text.
create or replace function pgdex.embedded_text_hash(p_path text, p_symbol text, p_content text) returns uuid
language sql immutable
as $$
    select md5(p_path || ' ' || coalesce(p_symbol, '') || E'\n' || p_content)::uuid
$$;
