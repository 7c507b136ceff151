-- One row per repository that is in the index: the folder of its default view, its views, the model of its vectors, and
-- how much it holds.
--
--   select name, root, views, versions, chunks, last_indexed_at from pgdex.repositories_status order by root;
--
-- chunks is how many there were when the last job ended. versions counts the contents of files that its views hold,
-- versions_unused those that are kept for a while although none does. Removed repositories are not shown.
create or replace view pgdex.repositories_status as
select
    r.id,
    r.project_id,
    r.name,
    r.identity,
    pgdex.view_location(d.root, d.ref) as root,
    r.embedding_model,
    r.embedding_dimension,
    r.model_id,
    r.chunk_table,
    (select count(*) from pgdex.views w where w.repository_id = r.id and w.removed_at is null) as views,
    (
        select count(*) from pgdex.indexing_jobs j join pgdex.views w on w.id = j.view_id
        where w.repository_id = r.id and pgdex.is_live(j.status)
    ) as live_jobs,
    (
        select count(*) from pgdex.versions v where v.repository_id = r.id and v.unused_since is null
    ) as versions,
    (
        select count(*) from pgdex.versions v where v.repository_id = r.id and v.unused_since is not null
    ) as versions_unused,
    r.chunks,
    r.created_at,
    (
        select max(w.last_indexed_at) from pgdex.views w where w.repository_id = r.id and w.removed_at is null
    ) as last_indexed_at
from pgdex.repositories r
left join pgdex.views d on d.repository_id = r.id and d.is_default
where r.removed_at is null;
