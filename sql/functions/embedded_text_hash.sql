-- The hash of what is embedded of a chunk; indexer/pipeline.py (embedding_text) makes the same text. The cell of a notebook
-- or the page of a PDF that a symbol begins with is left out: one put in before it changes the number, and not what is
-- embedded.
create or replace function pgdex.embedded_text_hash(p_path text, p_symbol text, p_content text) returns uuid
language sql immutable
as $$
    select md5(p_path || ' ' || coalesce(
        case
            when lower(p_path) ~ '\.(ipynb|pdf)$' then regexp_replace(p_symbol, '^(cell|page) [0-9]+( > |$)', '')
            else p_symbol
        end,
        ''
    ) || E'\n' || p_content)::uuid
$$;
