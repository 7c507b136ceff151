-- Queues batches again that nobody will do as things stand: waiting ones whose token is gone from the queue
-- (deleted by hand, or used up while the job was blocked), and running ones whose task has ended without a word
-- (its connection broke). A job never waits for a message that nobody sends. Returns how many.
-- Runs every few seconds; one caller at a time, the others return at once.
create or replace function pgdex.heal_batches() returns integer
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_job record;
    v_seqs integer[];
    v_healed integer := 0;
begin
    if not pg_try_advisory_xact_lock(hashtext('pgdex.heal_batches')) then
        return 0;
    end if;
    for v_job in
        select j.* from indexing_jobs j
        where j.status = 'running' or (j.status = 'pending' and j.admitted_at is not null)
        order by coalesce(j.started_at, j.created_at)
        for no key update skip locked
    loop
        select array_agg(seq) into v_seqs
        from job_batches b
        where b.job_id = v_job.id and b.state in ('waiting', 'running')
            and (b.kind <> 'finish' or (v_job.scanned_at is not null and v_job.batches_left = 0))
            and not exists (select from procrastinate_jobs t where t.id = b.token_id and t.status in ('todo', 'doing'));
        if v_seqs is not null then
            update indexing_jobs j set progress_floor = pgdex.job_percentage(j) where j.id = v_job.id;
            update job_batches
            set state = 'waiting', worker_id = null, token_id = null, phase = null, path_in_hand = null,
                files_found = 0, files_chunked = 0, files_embedded = 0
            where job_id = v_job.id and seq = any (v_seqs);
            perform pgdex.queue_batches(v_job.id, v_seqs);
            v_healed := v_healed + cardinality(v_seqs);
        end if;
    end loop;
    return v_healed;
end
$$;
