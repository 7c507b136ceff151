-- A worker takes a batch in hand. Returns one row with all that the work needs, or none where there is nothing to
-- do: the job ended or is blocked, the batch is done, or the token is not the batch's present one.
--
-- Promises: each claim gets a new attempt number, the fence that report_batch and complete_* ask for, so that a
-- worker that lost its batch can't change anything any more. The claim of a scan turns the job to running.
-- reclaimed: how many workers died with the batch in hand; deaths: how many of them while they had a certain file
-- in hand (see hold_file), as {path: number}. witness: what the job's scan saw (see plan_job); for a scan, what the
-- last one of the repository did.
-- Lock order: job before batch (only a scan locks its job).
create or replace function pgdex.claim_batch(p_job_id uuid, p_seq integer, p_token_id bigint, p_worker_id bigint)
returns table (
    attempt integer, repository_id bigint, project_id text, repo_path text, embed_all boolean,
    embedder text, model_id smallint, paths text[], file_ids bigint[], reclaimed integer, deaths jsonb,
    witness jsonb
)
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
#variable_conflict use_column
begin
    if p_seq = 0 then
        update indexing_jobs set status = 'running'
        where id = p_job_id and status = 'pending' and exists (
            select from job_batches b
            where b.job_id = p_job_id and b.seq = 0 and b.state = 'waiting' and b.token_id = p_token_id
        );
    end if;
    return query
    update job_batches b
    set state = 'running', attempt = b.attempt + 1, worker_id = p_worker_id, started_at = clock_timestamp(),
        phase = case b.kind when 'scan' then 'scanning' when 'finish' then 'finishing' else 'chunking' end,
        path_in_hand = null, files_found = 0, files_chunked = 0, files_embedded = 0
    from indexing_jobs j
    where b.job_id = p_job_id and b.seq = p_seq and b.state = 'waiting' and b.token_id = p_token_id
        and j.id = b.job_id and j.status = 'running'
    returning b.attempt, j.repository_id, j.project_id, j.repo_path, j.embed_all,
        j.embedder, j.model_id, b.paths, b.file_ids, b.reclaimed, b.deaths,
        case b.kind when 'scan' then (select r.witness from repositories r where r.id = j.repository_id) else j.witness end;
end
$$;
