create or replace trigger job_batches_truncate
before truncate on pgdex.job_batches
for each statement execute function pgdex.refuse_truncate();
