-- A worker gives up wake-ups that are recorded as its own although it is not working on them: the database was
-- unavailable when it wanted to report that the work had ended. heal_batches queues their batches again.
create or replace function pgdex.drop_wake_ups(p_worker_id bigint, p_wake_up_ids bigint[]) returns integer
language sql
set search_path = pg_catalog, pgdex, pg_temp
as $$
    with dropped as (
        delete from procrastinate_jobs
        where worker_id = p_worker_id and status = 'doing' and id = any (p_wake_up_ids)
        returning id
    )
    select count(*)::integer from dropped
$$;
