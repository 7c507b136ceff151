create or replace trigger indexing_jobs_record
after insert or update of status on pgdex.indexing_jobs
for each row execute function pgdex.record_job_change();
