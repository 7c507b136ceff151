-- Closes what a finished job leaves open: its batches end as cancelled, its waiting wake-ups leave the queue, and
-- workers that hold one are asked to abort through procrastinate's own notification (which reaches them in 1-2 ms).
create or replace function pgdex.close_batches(p_job_id uuid) returns void
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_tokens bigint[];
begin
    with closed as (
        update job_batches
        set state = 'cancelled', completed_at = clock_timestamp(), path_in_hand = null, paths = null,
            file_ids = null
        where job_id = p_job_id and state in ('waiting', 'running')
        returning token_id
    )
    select array_agg(token_id) into v_tokens from closed where token_id is not null;

    delete from procrastinate_jobs where id = any (v_tokens) and status = 'todo';
    perform procrastinate_cancel_job_v1(id, true, false)
    from procrastinate_jobs where id = any (v_tokens) and status = 'doing';
end
$$;
