create or replace trigger job_events_notify
after insert on pgdex.job_events
for each row execute function pgdex.notify_event();
