create or replace trigger job_events_guard
before update or delete on pgdex.job_events
for each row execute function pgdex.guard_event();
