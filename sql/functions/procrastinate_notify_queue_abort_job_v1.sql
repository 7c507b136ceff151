-- Like procrastinate's function of this name, but on pgdex's own channels: procrastinate's carry no schema, so that
-- notifications about one application's jobs reach the workers of every other application in the same database.
create or replace function pgdex.procrastinate_notify_queue_abort_job_v1() returns trigger
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    payload text;
begin
    payload := json_build_object('type', 'abort_job_requested', 'job_id', new.id)::text;
    perform pg_notify('pgdex.procrastinate_queue_v1#' || new.queue_name, payload);
    perform pg_notify('pgdex.procrastinate_any_queue_v1', payload);
    return new;
end
$$;
