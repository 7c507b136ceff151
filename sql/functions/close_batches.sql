-- Closes what a finished job leaves open: its batches end as cancelled, its waiting wake-ups leave the queue, and
-- workers that hold one are asked to abort through procrastinate's own notification (which reaches them in 1-2 ms).
-- What was embedded and not written goes with it.
create or replace function pgdex.close_batches(p_job_id uuid) returns void
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_wake_ups bigint[];
begin
    with closed as (
        update job_batches
        set state = 'cancelled', completed_at = clock_timestamp(), path_in_progress = null, paths = null, blob_ids = null
        where job_id = p_job_id and state in ('waiting', 'running')
        returning wake_up_id
    )
    select array_agg(wake_up_id) into v_wake_ups from closed where wake_up_id is not null;
    delete from kept_embeddings where job_id = p_job_id;

    delete from procrastinate_jobs where id = any (v_wake_ups) and status = 'todo';
    perform procrastinate_cancel_job_v1(id, true, false)
    from procrastinate_jobs where id = any (v_wake_ups) and status = 'doing';
end
$$;
