-- The files that are known but not searchable, each with its reason.
create or replace view pgdex.skipped_files as
select r.project_id, r.name as repository, r.root as repo_path, f.path, f.skip_reason, f.skip_detail, f.size
from pgdex.files f
join pgdex.repositories r on r.id = f.repository_id and r.removed_at is null
where f.skip_reason is not null;
