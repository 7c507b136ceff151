-- The hash of what is embedded of a chunk; indexer/pipeline.py (embedding_text) makes the same text. The cell of a notebook
-- that a symbol begins with is left out: a cell put in above changes the number, and not what is embedded.
create or replace function pgdex.embedded_text_hash(p_path text, p_symbol text, p_content text) returns uuid
language sql immutable
as $$
    select md5(p_path || ' ' || coalesce(
        case when lower(p_path) like '%.ipynb' then regexp_replace(p_symbol, '^cell [0-9]+( > |$)', '') else p_symbol end,
        ''
    ) || E'\n' || p_content)::uuid
$$;
