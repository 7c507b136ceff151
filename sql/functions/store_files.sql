-- Writes the file rows of a batch and removes the chunks that those files had; returns the files' ids by path. The
-- arrays have one element per file. Each file records the model and the index format that it was indexed with (format 0
-- belongs to no version: such a file is read again by the next job). The caller copies the new chunks in the same
-- transaction, so that a search sees each file either as it was or as it is.
create or replace function pgdex.store_files(
    p_repository_id bigint, p_paths text[], p_languages text[], p_sizes bigint[], p_mtimes bigint[],
    p_hashes bytea[], p_chunks integer[], p_reasons text[], p_details text[],
    p_model_id smallint default null, p_index_format smallint default 0
) returns table (path text, id bigint)
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
#variable_conflict use_column
begin
    perform pgdex.delete_chunks(p_repository_id, array(
        select f.id from files f where f.repository_id = p_repository_id and f.path = any (p_paths) and f.chunks > 0
    ));
    return query
    insert into files as f
        (repository_id, path, language, size, mtime_ns, content_hash, chunks, skip_reason, skip_detail,
         model_id, index_format)
    select p_repository_id, u.*, p_model_id, p_index_format
    from unnest(p_paths, p_languages, p_sizes, p_mtimes, p_hashes, p_chunks, p_reasons, p_details) as u
    on conflict (repository_id, path) do update set
        language = excluded.language, size = excluded.size, mtime_ns = excluded.mtime_ns,
        content_hash = excluded.content_hash, chunks = excluded.chunks,
        skip_reason = excluded.skip_reason, skip_detail = excluded.skip_detail,
        model_id = excluded.model_id, index_format = excluded.index_format, indexed_at = clock_timestamp()
    returning f.path, f.id;
end
$$;
