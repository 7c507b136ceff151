-- The last statement of a batch's transaction: fences it and adds its figures to the job.
--
-- The counts must add up to the batch's files. The batch that completes the job's last one queues the finish. A
-- progress event is written if 100 files or one second have passed since the last.
-- p_kept: how many of the unchanged files are not known to be unchanged. They could not be read, for the reason that is
-- the key, and keep the version that the index has.
-- p_seconds: {"reading", "chunking", "embedding", "writing"} in seconds. Errors: PX003 (stale), PX002 (counts).
create or replace function pgdex.complete_batch(
    p_job_id uuid, p_seq integer, p_attempt integer,
    p_indexed integer, p_skipped integer, p_unchanged integer, p_chunks integer, p_seconds jsonb,
    p_kept jsonb default '{}'
) returns void
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_job indexing_jobs;
    v_batch job_batches;
    v_now timestamptz;
    v_decay double precision;
    v_seconds double precision;
    v_recently double precision;
begin
    v_job := pgdex.lock_live_job(p_job_id);
    v_batch := pgdex.close_own_batch(p_job_id, p_seq, p_attempt, p_seconds);
    if p_indexed + p_skipped + p_unchanged <> v_batch.files_total then
        raise exception 'batch % of job % has % files, but % were accounted for',
            p_seq, p_job_id, v_batch.files_total, p_indexed + p_skipped + p_unchanged using errcode = 'PX002';
    end if;
    v_now := clock_timestamp();
    -- Capped as in job_rate: exp() raises an underflow where the job was blocked for hours, and an overflow where the
    -- clock was set back.
    v_decay := exp(-least(greatest(extract(epoch from v_now - coalesce(v_job.last_commit_at, v_now))::float8, 0), 1500) / 15);
    -- The work counts evenly over the time that it took (job_rate).
    v_seconds := extract(epoch from v_now - v_batch.started_at)::float8;
    v_recently := coalesce(pgdex.recent_weight(v_seconds) / v_seconds, 1);
    update indexing_jobs set
        files_indexed = files_indexed + p_indexed,
        files_skipped = files_skipped + p_skipped,
        files_unchanged = files_unchanged + p_unchanged,
        files_kept = files_kept + (select coalesce(sum(n::integer), 0) from jsonb_each_text(p_kept) as k (reason, n)),
        kept_by_reason = case when p_kept = '{}' then kept_by_reason else pgdex.added_counts(kept_by_reason, p_kept) end,
        files_done = files_done + v_batch.files_total,
        chunks_created = chunks_created + p_chunks,
        seconds_by_phase = pgdex.added_seconds(seconds_by_phase, p_seconds),
        bytes_done = bytes_done + v_batch.bytes_total,
        recent_bytes = greatest(recent_bytes, 1) * v_decay + v_batch.bytes_total * v_recently,
        recent_files = recent_files * v_decay + v_batch.files_total * v_recently,
        last_commit_at = v_now,
        seconds_waited = 0, probe_delay = 1,
        batches_left = batches_left - 1
    where id = p_job_id
    returning * into v_job;
    if v_job.batches_left = 0 and v_job.status = 'running' then
        perform pgdex.queue_batches(p_job_id, array(
            select seq from job_batches where job_id = p_job_id and kind = 'finish' and state = 'waiting'
        ));
    end if;
    if v_job.files_done - v_job.last_event_files >= 100
        or v_job.last_event_at is null
        or v_now not between v_job.last_event_at and v_job.last_event_at + interval '1 second' then
        perform pgdex.record_progress(p_job_id);
    end if;
end
$$;
