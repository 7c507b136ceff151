-- Notes what git calls the contents of versions, where that is another name than the one that is known. Those that another
-- transaction has locked are left out: whoever waited might hold what that one waits for. Without its name a version is
-- found by its hash. Rows are looked up through indexes only, as in store_versions.
create or replace function pgdex.note_blob_ids(p_version_ids bigint[], p_blob_ids bytea[]) returns void
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
set enable_seqscan = off
as $$
declare
    v_unnamed bigint[] := array(
        select held.id
        from unnest(p_version_ids, p_blob_ids) as u (id, blob_id)
        cross join lateral (
            select v.id from versions v
            where v.id = u.id and v.blob_id is distinct from u.blob_id
            for no key update skip locked
        ) as held
    );
begin
    if cardinality(v_unnamed) > 0 then
        update versions v set blob_id = u.blob_id
        from unnest(p_version_ids, p_blob_ids) as u (id, blob_id)
        where v.id = u.id and v.id = any (v_unnamed);
    end if;
end
$$;
