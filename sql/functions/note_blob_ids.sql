-- Notes what git calls the contents of versions, where that is another name than the one that is known.
create or replace function pgdex.note_blob_ids(p_version_ids bigint[], p_blob_ids bytea[]) returns void
language sql
set search_path = pg_catalog, pgdex, pg_temp
as $$
    update versions v set blob_id = u.blob_id
    from (
        select w.id, g.blob_id
        from unnest(p_version_ids, p_blob_ids) as g (id, blob_id)
        join versions w on w.id = g.id and w.blob_id is distinct from g.blob_id
        order by w.id
        for no key update of w
    ) as u
    where v.id = u.id
$$;
