create or replace trigger job_events_truncate
before truncate on pgdex.job_events
for each statement execute function pgdex.refuse_truncate();
