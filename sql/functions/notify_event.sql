-- Sends each event row on the channel pgdex_events when its transaction commits.
-- Payload: {"event_id", "job_id", "event_type", "created_at", "data"}; without "data" if it would exceed PostgreSQL's
-- limit of 8,000 bytes (the row has it).
create or replace function pgdex.notify_event() returns trigger
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_payload jsonb := jsonb_build_object(
        'event_id', new.id, 'job_id', new.job_id, 'event_type', new.event_type, 'created_at', new.created_at
    );
    v_full text := (v_payload || jsonb_build_object('data', new.event_data))::text;
begin
    perform pg_notify('pgdex_events', case when octet_length(v_full) < 7900 then v_full else v_payload::text end);
    return null;
end
$$;
