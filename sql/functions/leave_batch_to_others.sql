-- A worker can't do a batch because it does not see the repository's folder, or may not index it: on its machine a
-- share is not mounted, or a path is not allowed. That says nothing about the folder as long as another worker may see
-- it.
--
-- Promises: the batch goes back to the queue, with an event `unseen`, and this worker gets no other batch of the job
-- (see fetch_wake_up). Once every living worker has said so, the job fails with what each of them reported; with p_fails
-- false nothing happens then, and the worker continues. A restarted process is another worker: if one that is gone has
-- worked on the job, its successor may see the folder, and the job waits for it (see fail_unseen_jobs). p_is_missing: the
-- worker sees the folder above, and the folder is gone: if all say so, the view is marked (see mark_missing_view). Returns
-- 'left', 'failed', 'alone', or 'stale' if the batch is no longer the caller's.
-- Lock order: job before batch.
create or replace function pgdex.leave_batch_to_others(
    p_job_id uuid, p_seq integer, p_attempt integer, p_reason text, p_type text, p_traceback text default null,
    p_fails boolean default true, p_is_missing boolean default false
) returns text
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_job indexing_jobs;
    v_worker bigint;
    v_host text;
begin
    select * into v_job from indexing_jobs where id = p_job_id for no key update;
    select b.worker_id, w.hostname into v_worker, v_host
    from job_batches b left join workers w on w.id = b.worker_id
    where b.job_id = p_job_id and b.seq = p_seq and b.attempt = p_attempt and b.state = 'running';
    if not found or v_job.status not in ('running', 'blocked') then
        return 'stale';
    end if;
    v_job.unseen_by := v_job.unseen_by || jsonb_build_object(
        v_worker, jsonb_build_object(
            'host', v_host, 'reason', p_reason, 'type', p_type, 'is_missing', p_is_missing
        )
    );
    if not exists (select from procrastinate_workers w where not v_job.unseen_by ? w.id::text) then
        if not p_fails then
            return 'alone';
        end if;
        if not exists (
            select from job_batches b
            where b.job_id = p_job_id and (b.reclaimed > 0 or not v_job.unseen_by ? b.worker_id::text)
        ) then
            update indexing_jobs set unseen_by = v_job.unseen_by where id = p_job_id;
            perform pgdex.fail_job(p_job_id, pgdex.unseen_message(v_job), p_type, p_traceback);
            return 'failed';
        end if;
    end if;
    update indexing_jobs set unseen_by = v_job.unseen_by where id = p_job_id;
    insert into job_events (job_id, event_type, event_data)
    values (p_job_id, 'unseen', jsonb_build_object('worker', v_worker, 'host', v_host, 'reason', left(p_reason, 2000)));
    perform pgdex.release_batch(p_job_id, p_seq, p_attempt);
    return 'left';
end
$$;
