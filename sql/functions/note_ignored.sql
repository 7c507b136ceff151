-- Records with a job what ignore rules left out of its tree: {"entries": 1204, "heeds_git": true, "rules": [{"file":
-- ".gitignore", "line": 12, "pattern": "/*", "entries": 1200}, …]}, with the rules that left out most.
--
-- Called in the transaction of plan_job, after it: the fence of plan_job also protects this call.
create or replace function pgdex.note_ignored(p_job_id uuid, p_ignored jsonb) returns void
language sql
set search_path = pg_catalog, pgdex, pg_temp
as $$
    update pgdex.indexing_jobs set ignored = p_ignored where id = p_job_id
$$;
