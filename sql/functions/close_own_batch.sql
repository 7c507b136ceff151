-- Marks a batch as completed if it is still the caller's: the fence. A worker that was presumed dead, stopped or
-- disconnected finds its attempt number stale and gets an error, and its whole transaction changes nothing.
-- p_seconds: the seconds that the batch took, by phase, for the summary. Errors: PX003.
create or replace function pgdex.close_own_batch(p_job_id uuid, p_seq integer, p_attempt integer, p_seconds jsonb)
returns pgdex.job_batches
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_batch job_batches;
begin
    update job_batches
    set state = 'completed', completed_at = clock_timestamp(), phase = null, path_in_progress = null, paths = null, blob_ids = null, seconds = p_seconds
    where job_id = p_job_id and seq = p_seq and attempt = p_attempt and state = 'running'
    returning * into v_batch;
    if not found then
        raise exception 'attempt % of batch % of job % is no longer current', p_attempt, p_seq, p_job_id
            using errcode = 'PX003';
    end if;
    return v_batch;
end
$$;
