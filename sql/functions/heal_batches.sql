-- Queues batches again that no worker would do as things stand: waiting ones whose wake-up is no longer in the queue
-- (deleted by hand, or used up while the job was blocked), and running ones whose task has ended without a report (its
-- connection broke). So a job never waits for a message that nobody sends, nor for a worker that does not come
-- (fail_unseen_jobs). Returns how many batches were queued again.
--
-- One worker in the cluster does it every two seconds: p_turn is the number of the last time (the row `healing` of
-- cluster_duties) as the caller has seen it; a worker that comes second finds another number. Null: do it anyway.
-- Only the first 200 open batches of each job are looked at: batches are done in their order, so a lost one becomes one
-- of the first before anyone misses it. Only if one of those is lost are all of them looked at.
create or replace function pgdex.heal_batches(p_turn bigint default null) returns integer
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_id uuid;
    v_job indexing_jobs;
    v_seqs integer[];
    v_healed integer := 0;
begin
    perform from cluster_duties
    where name = 'healing' and counter = coalesce(p_turn, counter) for no key update skip locked;
    if not found then
        return 0;
    end if;
    update cluster_duties set counter = counter + 1 where name = 'healing';
    perform pgdex.fail_unseen_jobs();
    for v_id in
        select id from indexing_jobs
        where status in ('pending', 'running') and admitted_at is not null
        -- In the order in which they started, or were asked for; not by times, since clocks are set.
        -- Each reads the first events of a job only, of which there may be thousands.
        order by coalesce(
            (select min(e.id) from job_events e where e.job_id = indexing_jobs.id and e.event_type = 'started'),
            (select min(e.id) from job_events e where e.job_id = indexing_jobs.id)
        )
    loop
        continue when not exists (select from pgdex.lost_batches(v_id, 200));
        select * into v_job from indexing_jobs
        where id = v_id and status in ('pending', 'running')
        for no key update skip locked;
        continue when not found;
        v_seqs := array(select pgdex.lost_batches(v_id, null));
        continue when cardinality(v_seqs) = 0;
        update indexing_jobs j set progress_floor = pgdex.job_percentage(j) where j.id = v_id;
        update job_batches
        set state = 'waiting', worker_id = null, wake_up_id = null, phase = null, path_in_progress = null,
            files_found = 0, files_chunked = 0, files_embedded = 0
        where job_id = v_id and seq = any (v_seqs);
        perform pgdex.queue_batches(v_id, v_seqs);
        v_healed := v_healed + cardinality(v_seqs);
    end loop;
    return v_healed;
end
$$;
