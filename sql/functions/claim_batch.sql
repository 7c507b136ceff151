-- Claims a batch for a worker. Returns one row with everything that the work needs, or none if there is nothing to do:
-- the job ended or is blocked, the batch is done, or the wake-up is not the batch's current one.
--
-- Promises: each claim gets a new attempt number, the fence that report_batch and complete_* check, so that a worker
-- that lost its batch can no longer change anything. The number is drawn at random: numbers that count from 1 would be
-- given out again after a restore, or a failover that lost the last seconds, and a worker from the lost timeline could
-- commit files of a plan that no longer exists. Only scans count 1, 2, 3: what a scan commits depends on nothing that
-- was lost, because plan_job compares the walk with what is stored at that moment. At worst a walk from before the
-- failover is planned, which is slightly older than that of the worker that is doing the scan now; that worker's commit
-- is then refused. Claiming a scan turns the job to running.
-- reclaimed: how many workers died with the batch in flight; crash_counts: how many of them while a certain file was in
-- progress (see mark_in_progress), as {path: number}. witness: what the job's scan saw (see plan_job); for a scan, what the
-- view's last scan saw. paths: the files of the batch; of a finish, those that are gone.
-- only_paths: what a scan has to look at; null for the whole tree. commit_id: the commit of a git source that the scan has
-- found; blob_ids: what the files of the batch are in it. root and ref: see the table views.
-- embedder_allowed: the job names its embedder with a worker's rights, or its repository has that model already.
-- Lock order: job before batch (only a scan locks its job).
create or replace function pgdex.claim_batch(p_job_id uuid, p_seq integer, p_wake_up_id bigint, p_worker_id bigint)
returns table (
    attempt integer, repository_id bigint, view_id bigint, project_id text, root text, ref text, repo_path text,
    embed_all boolean, embedder text, model_id smallint, paths text[], reclaimed integer, crash_counts jsonb,
    embedder_allowed boolean, witness jsonb, only_paths text[], commit_id text, blob_ids bytea[]
)
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
#variable_conflict use_column
declare
    v_random integer := floor(random() * 2147483646)::integer;  -- 0 to 2^31 - 3
begin
    if p_seq = 0 then
        update indexing_jobs set status = 'running'
        where id = p_job_id and status = 'pending' and exists (
            select from job_batches b
            where b.job_id = p_job_id and b.seq = 0 and b.state = 'waiting' and b.wake_up_id = p_wake_up_id
        );
    end if;
    return query
    update job_batches b
    set state = 'running', worker_id = p_worker_id, started_at = clock_timestamp(),
        phase = case b.kind when 'scan' then case when v.ref = '' then 'scanning' else 'fetching' end when 'finish' then 'finishing' else 'chunking' end,
        path_in_progress = null, files_found = 0, files_chunked = 0, files_embedded = 0,
        -- 1 to 2^31 - 1, and never the one before.
        attempt = case b.kind when 'scan' then b.attempt + 1
                  else v_random + 1 + (v_random + 1 >= b.attempt and b.attempt > 0)::integer end
    from indexing_jobs j
    join views v on v.id = j.view_id
    where b.job_id = p_job_id and b.seq = p_seq and b.state = 'waiting' and b.wake_up_id = p_wake_up_id
        and j.id = b.job_id and j.status = 'running'
    returning b.attempt, v.repository_id, v.id, j.project_id, v.root, v.ref, j.repo_path, j.embed_all,
        j.embedder, j.model_id, b.paths, b.reclaimed, b.crash_counts,
        j.embedder_allowed,
        case b.kind when 'scan' then v.witness else j.witness end,
        case b.kind when 'scan' then j.only_paths end, j.commit_id, b.blob_ids;
end
$$;
