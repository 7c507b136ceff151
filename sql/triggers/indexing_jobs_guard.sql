create or replace trigger indexing_jobs_guard
before insert or update or delete on pgdex.indexing_jobs
for each row execute function pgdex.guard_job();
