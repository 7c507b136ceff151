-- Writes the versions that a batch has made and returns their ids by path. The arrays have one element per file.
--
-- is_written: the caller has to copy the version's chunks, in the same transaction, so that a search sees all of them or
-- none. False where the repository had that version already, made by the same model in the same format: another view's
-- job was quicker. With p_force, or where the model, the format or the reason for skipping is another one, an existing
-- version is made again in place: its chunks are deleted here. Two transactions that write the same versions wait for each
-- other in the order of the paths, and so never in a circle. What is returned stays until the caller's transaction ends.
-- A version is missing from it only if another transaction wrote it, dropped it and had it removed just now: the caller
-- then starts again.
create or replace function pgdex.store_versions(
    p_repository_id bigint, p_paths text[], p_languages text[], p_sizes bigint[], p_hashes bytea[], p_blob_ids bytea[],
    p_chunks integer[], p_reasons text[], p_details text[], p_model_id smallint, p_index_format smallint,
    p_force boolean default false
) returns table (path text, id bigint, is_written boolean)
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
#variable_conflict use_column
declare
    v_known bigint[];
    v_new bigint[] := '{}';
    v_again bigint[];
begin
    -- Before the insert, which keeps nobody from removing what it conflicts with.
    v_known := array(
        select v.id
        from unnest(p_paths, p_hashes) as u (path, hash)
        join versions v on v.repository_id = p_repository_id and v.path = u.path and v.content_hash = u.hash
        order by v.path
        for key share of v
    );
    if cardinality(v_known) < cardinality(p_paths) then
        with inserted as (
            insert into versions as v
                (repository_id, path, language, size, content_hash, blob_id, chunks, skip_reason, skip_detail, model_id,
                 index_format)
            select p_repository_id, u.*, p_model_id, p_index_format
            from unnest(p_paths, p_languages, p_sizes, p_hashes, p_blob_ids, p_chunks, p_reasons, p_details) as u
            order by 2
            on conflict (repository_id, path, content_hash) do nothing
            returning v.id
        )
        select coalesce(array_agg(inserted.id), '{}') into v_new from inserted;
    end if;
    if cardinality(v_new) < cardinality(p_paths) then
        v_again := array(
            select v.id
            from unnest(p_paths, p_hashes, p_reasons) as u (path, hash, reason)
            join versions v on v.repository_id = p_repository_id and v.path = u.path and v.content_hash = u.hash
            where v.id <> all (v_new) and (
                p_force or v.index_format <> p_index_format or v.skip_reason is distinct from u.reason
                or u.reason is null and v.model_id is distinct from p_model_id
            )
            order by v.id
            for no key update of v
        );
        perform pgdex.delete_chunks(p_repository_id, v_again);
        update versions v
        set language = u.language, chunks = u.chunks, skip_reason = u.reason, skip_detail = u.detail,
            model_id = p_model_id, index_format = p_index_format
        from unnest(p_paths, p_languages, p_hashes, p_chunks, p_reasons, p_details)
            as u (path, language, hash, chunks, reason, detail)
        where v.id = any (v_again) and v.path = u.path and v.content_hash = u.hash;
    end if;
    return query
    select v.path, v.id, v.id = any (v_new) or v.id = any (v_again)
    from unnest(p_paths, p_hashes) as u (path, hash)
    join versions v on v.repository_id = p_repository_id and v.path = u.path and v.content_hash = u.hash;
end
$$;
