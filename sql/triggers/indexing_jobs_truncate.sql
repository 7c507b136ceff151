create or replace trigger indexing_jobs_truncate
before truncate on pgdex.indexing_jobs
for each statement execute function pgdex.refuse_truncate();
