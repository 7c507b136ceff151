-- The next wake-up for a worker, as procrastinate_fetch_job_v2 returns it (all null if there is none), except those of
-- jobs whose repository the worker does not see (see leave_batch_to_others). These stay in the queue for others, so
-- that no worker fetches the same ones over and over. They are skipped one by one, up to some 500 of each job that the
-- worker can't see.
create or replace function pgdex.fetch_wake_up(p_queues varchar[], p_worker_id bigint)
returns pgdex.procrastinate_jobs
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_unseen text[];
    v_wake_up procrastinate_jobs;
begin
    select array_agg(id::text) into v_unseen
    from indexing_jobs where status in ('running', 'blocked') and unseen_by ? p_worker_id::text;
    if v_unseen is null then
        return procrastinate_fetch_job_v2(p_queues, p_worker_id);
    end if;
    update procrastinate_jobs
    set status = 'doing', worker_id = p_worker_id
    where id = (
        select t.id from procrastinate_jobs t
        where t.status = 'todo' and (p_queues is null or t.queue_name = any (p_queues))
            and (t.scheduled_at is null or t.scheduled_at <= now())
            and coalesce(t.args ->> 'job_id', '') <> all (v_unseen)
        order by t.priority desc, t.id
        limit 1
        for update skip locked
    )
    returning * into v_wake_up;
    return v_wake_up;
end
$$;
