-- The files of each view: what the index has of them, or why they are not searchable. For people; pgdex itself reads
-- view_files and versions.
--
--   select path, language, chunks from pgdex.files where root = '/home/me/src/flask' order by path;
create or replace view pgdex.files as
select
    e.view_id,
    w.repository_id,
    e.version_id,
    pgdex.view_location(w.root, w.ref) as root,
    e.path,
    v.language,
    e.size,
    e.mtime_ns,
    e.ctime_ns,
    v.content_hash,
    coalesce(v.chunks, 0) as chunks,
    e.skip_reason,
    e.skip_detail,
    e.indexed_at,
    v.model_id,
    v.index_format
from pgdex.view_files e
join pgdex.views w on w.id = e.view_id and w.removed_at is null
left join pgdex.versions v on v.id = e.version_id;
