-- A batch in flight reports its progress, on its own row, so that reporting contends with nothing. Returns false if the
-- batch is no longer the caller's: it was reclaimed, or its job ended.
--
-- If the job's last progress event is older than two seconds, one is written: with a slow embedding service there can
-- be minutes between two commits. One is also written if the last seems to lie in the future: the clock was set back.
-- Lock order: job before batch.
create or replace function pgdex.report_batch(
    p_job_id uuid, p_seq integer, p_attempt integer, p_phase text,
    p_files_found integer default 0, p_files_chunked integer default 0, p_files_embedded integer default 0
) returns boolean
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_due boolean;
begin
    select clock_timestamp() not between coalesce(last_event_at, started_at)
        and coalesce(last_event_at, started_at) + interval '2 seconds' into v_due
    from indexing_jobs where id = p_job_id and status = 'running';
    if v_due then
        perform from indexing_jobs where id = p_job_id for no key update;
    end if;
    update job_batches
    set phase = p_phase,
        files_found = greatest(files_found, p_files_found),
        files_chunked = least(greatest(files_chunked, p_files_chunked), files_total),
        files_embedded = least(greatest(files_embedded, p_files_embedded), files_total)
    where job_id = p_job_id and seq = p_seq and attempt = p_attempt and state = 'running';
    if not found then
        return false;
    end if;
    if v_due then
        perform pgdex.record_progress(p_job_id);
    end if;
    return true;
end
$$;
