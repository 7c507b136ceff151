-- Lets pending jobs in, oldest first, while fewer than max_concurrent_jobs are in. Returns how many it let in.
--
-- A job that is let in gets its scan queued; it stays pending until a worker really starts it. The advisory lock
-- makes the count exact whoever calls and how often: at enqueue, when a job ends, and from every worker's tick,
-- so that a lost call heals. Nobody waits for it: a transaction that somebody leaves open after an enqueue would stop
-- every worker's tick, and with it the heartbeats. Pending rows that somebody else holds are left for the next call.
create or replace function pgdex.admit_jobs() returns integer
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_limit integer := pgdex.setting('max_concurrent_jobs', '3')::integer;
    v_job record;
    v_admitted integer := 0;
begin
    if not exists (select from indexing_jobs where status = 'pending' and admitted_at is null) then
        return 0;
    end if;
    if not pg_try_advisory_xact_lock(hashtext('pgdex.admit_jobs')) then
        return 0;
    end if;
    for v_job in
        select id from indexing_jobs
        where status = 'pending' and admitted_at is null
        order by created_at, id
        limit greatest(0, v_limit - (
            select count(*) from indexing_jobs
            where status in ('pending', 'running', 'blocked') and admitted_at is not null
        ))
        for no key update skip locked
    loop
        begin
            update indexing_jobs set admitted_at = clock_timestamp() where id = v_job.id;
        exception when sqlstate 'PX002' then
            exit;  -- guard_job found less room: the limit was lowered a moment ago
        end;
        perform pgdex.queue_batches(v_job.id, array[0]);
        v_admitted := v_admitted + 1;
    end loop;
    return v_admitted;
end
$$;
