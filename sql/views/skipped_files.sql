-- The files that are known but not searchable, each with its reason.
create or replace view pgdex.skipped_files as
select w.project_id, r.name as repository, pgdex.view_location(w.root, w.ref) as repo_path, e.path, e.skip_reason,
    e.skip_detail, e.size, e.view_id
from pgdex.view_files e
join pgdex.views w on w.id = e.view_id and w.removed_at is null
join pgdex.repositories r on r.id = w.repository_id
where e.skip_reason is not null;
