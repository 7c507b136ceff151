-- Puts the batches of workers that are presumed dead back into the queue, for peers to start at once. Returns how many.
--
-- A peer says who is dead (peers.py), by what it has seen on its own clock: p_dead, and p_beats, the number of the
-- last heartbeat that it saw of each (-1 if a worker never registered). A worker whose heartbeat has changed since is
-- left alone. Wake-ups of workers that are no longer in the list are put back too. A dead worker's open transactions
-- are ended, so that they lock no rows, and it is evicted: if it wakes up, its attempt numbers are stale and its
-- wake-ups gone, and it has to register again. Jobs go back in the order in which they started, as their events are numbered: clocks are set. One caller at a time
-- (the row `reclaiming` of cluster_duties); the others return at once. A job that another transaction has locked (a
-- cancel in an open transaction) is left for the next call, with its workers and wake-ups; so is a locked wake-up or
-- worker. Nothing here waits, because every worker's heartbeat would wait with it.
create or replace function pgdex.reclaim_batches(p_dead bigint[] default '{}', p_beats bigint[] default '{}')
returns integer
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_dead bigint[];
    v_session integer;
    v_wake_ups bigint[];
    v_job record;
    v_seqs integer[];
    v_files bigint;
    v_reclaimed integer := 0;
begin
    perform from cluster_duties where name = 'reclaiming' for no key update skip locked;
    if not found then
        return 0;
    end if;
    select array_agg(w.id) into v_dead
    from unnest(p_dead, p_beats) as seen (id, beat)
    join procrastinate_workers w on w.id = seen.id
    left join workers p on p.id = w.id
    where coalesce(p.beat, -1) = seen.beat;
    select array_agg(id) into v_wake_ups
    from (
        select id from procrastinate_jobs
        where status = 'doing' and (worker_id is null or worker_id = any (v_dead))
        for update skip locked
    ) as lost;
    if v_dead is null and v_wake_ups is null then
        return 0;
    end if;

    for v_session in
        select a.pid from pg_stat_activity a, unnest(v_dead) as dead (id)
        where a.datname = current_database() and a.application_name = 'pgdex worker ' || dead.id
    loop
        begin
            perform pg_terminate_backend(v_session);
        exception when insufficient_privilege then
            null;  -- another login's session: it ends by its own timeouts
        end;
    end loop;

    for v_job in
        select j.* from indexing_jobs j
        where j.id in (
            select job_id from job_batches
            where wake_up_id = any (v_wake_ups) and state in ('waiting', 'running')
        )
        order by
            (select min(e.id) from job_events e where e.job_id = j.id and e.event_type = 'started') nulls last,
            j.queue_number
        for no key update skip locked
    loop
        if v_job.status in ('running', 'blocked') then
            update indexing_jobs j set progress_floor = pgdex.job_percentage(j) where j.id = v_job.id;
        end if;
        with put_back as (
            update job_batches
            set state = 'waiting', worker_id = null, wake_up_id = null, phase = null, path_in_progress = null,
                -- A batch that was only fetched, and not yet claimed, has crashed no worker.
                reclaimed = reclaimed + (state = 'running')::integer,
                crash_counts = case when path_in_progress is null then crash_counts else crash_counts || jsonb_build_object(
                    path_in_progress, coalesce((crash_counts ->> path_in_progress)::integer, 0) + 1
                ) end,
                files_found = 0, files_chunked = 0, files_embedded = 0
            where job_id = v_job.id and wake_up_id = any (v_wake_ups) and state in ('waiting', 'running')
            returning seq, files_total
        )
        select array_agg(seq), sum(files_total) into v_seqs, v_files from put_back;
        if v_seqs is not null then
            v_reclaimed := v_reclaimed + cardinality(v_seqs);
            insert into job_events (job_id, event_type, event_data)
            values (v_job.id, 'reclaimed', jsonb_build_object(
                'batches', cardinality(v_seqs), 'files', v_files, 'dead_workers', to_jsonb(coalesce(v_dead, '{}'))
            ));
            if v_job.status in ('running', 'pending') then
                perform pgdex.queue_batches(v_job.id, v_seqs);
            end if;
        end if;
    end loop;

    delete from procrastinate_jobs t
    where t.id = any (v_wake_ups)
        and not exists (select from job_batches b where b.wake_up_id = t.id and b.state in ('waiting', 'running'));
    delete from procrastinate_workers
    where id in (
        select w.id from procrastinate_workers w
        where w.id = any (v_dead)
            and not exists (select from procrastinate_jobs t where t.worker_id = w.id and t.status = 'doing')
        for update skip locked
    );
    return v_reclaimed;
end
$$;
