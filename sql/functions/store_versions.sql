-- Writes the versions that a batch has made and returns their ids by path. The arrays have one element per file.
--
-- is_written: the caller has to copy the version's chunks, in the same transaction, so that a search sees all of them or
-- none. False where the repository had that version already, made by the same model in the same format: another view's
-- job was quicker. With p_force, or where the model, the format or the reason for skipping is another one, an existing
-- version is made again in place: its chunks are deleted here. Two transactions that write the same versions wait for each
-- other in the order of the paths, and so never in a circle. What is returned stays until the caller's transaction ends.
-- A version is missing from it only if no view held it and another transaction removed it just now: the caller then
-- starts again.
--
-- Rows are looked up one by one, through indexes, also for foreign keys: a session plans these statements once, perhaps
-- while the tables are so small that reading them as a whole is cheaper. Later batches would then read all that those
-- before them have written.
create or replace function pgdex.store_versions(
    p_repository_id bigint, p_paths text[], p_languages text[], p_sizes bigint[], p_hashes bytea[], p_blob_ids bytea[],
    p_chunks integer[], p_reasons text[], p_details text[], p_model_id smallint, p_index_format smallint,
    p_force boolean default false
) returns table (path text, id bigint, is_written boolean)
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
    v_new bigint[];
    v_new_paths text[];
    v_known bigint[];
    v_known_paths text[];
    v_reasons text[];
    v_again bigint[];
begin
    with inserted as (
        insert into versions as v
            (repository_id, path, language, size, content_hash, blob_id, chunks, skip_reason, skip_detail, model_id,
             index_format)
        select p_repository_id, u.*, p_model_id, p_index_format
        from unnest(p_paths, p_languages, p_sizes, p_hashes, p_blob_ids, p_chunks, p_reasons, p_details) as u
        order by 2
        on conflict (repository_id, path, content_hash) do nothing
        returning v.id, v.path
    )
    select coalesce(array_agg(inserted.id), '{}'), coalesce(array_agg(inserted.path), '{}')
    into v_new, v_new_paths
    from inserted;
    return query select n.path, n.id, true from unnest(v_new_paths, v_new) as n (path, id);
    -- Of a first index that is all.
    if cardinality(v_new) = cardinality(p_paths) then
        return;
    end if;
    select array_agg(held.id), array_agg(u.path), array_agg(u.reason)
    into v_known, v_known_paths, v_reasons
    from (
        select * from unnest(p_paths, p_hashes, p_reasons) as given (path, hash, reason)
        where given.path <> all (v_new_paths) order by given.path
    ) as u
    cross join lateral (
        select v.id from versions v
        where v.repository_id = p_repository_id and v.path = u.path and v.content_hash = u.hash
        for key share
    ) as held;
    v_again := array(
        select held.id
        from (select * from unnest(v_known, v_reasons) as known (id, reason) order by known.id) as u
        cross join lateral (
            select v.id from versions v
            where v.id = u.id and (
                p_force or v.index_format <> p_index_format or v.skip_reason is distinct from u.reason
                or u.reason is null and v.model_id is distinct from p_model_id
            )
            for no key update
        ) as held
    );
    if cardinality(v_again) > 0 then
        perform pgdex.delete_chunks(p_repository_id, v_again);
        update versions v
        set language = u.language, chunks = u.chunks, skip_reason = u.reason, skip_detail = u.detail,
            model_id = p_model_id, index_format = p_index_format
        from unnest(p_paths, p_languages, p_hashes, p_chunks, p_reasons, p_details)
            as u (path, language, hash, chunks, reason, detail)
        where v.id = any (v_again) and v.path = u.path and v.content_hash = u.hash;
    end if;
    return query
    select known.path, known.id, known.id = any (v_again) from unnest(v_known_paths, v_known) as known (path, id);
end
$$;
