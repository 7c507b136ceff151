-- Writes a progress event (and so a NOTIFY) with the job's present figures, and raises the progress floor to them, so
-- that nothing lower is shown later. The caller holds the job's row.
create or replace function pgdex.record_progress(p_job_id uuid) returns void
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_job indexing_jobs;
    v_percentage double precision;
begin
    select * into v_job from indexing_jobs where id = p_job_id for no key update;
    if v_job.status <> 'running' then
        return;
    end if;
    v_percentage := pgdex.job_percentage(v_job);
    update indexing_jobs
    set progress_floor = greatest(progress_floor, v_percentage),
        last_event_at = clock_timestamp(), last_event_files = files_done
    where id = p_job_id;
    insert into job_events (job_id, event_type, event_data)
    values (p_job_id, 'progress', jsonb_build_object(
        'status', v_job.status, 'progress_percentage', round(v_percentage::numeric, 1),
        'progress_message', pgdex.job_message(v_job),
        'files_scanned', v_job.files_scanned, 'files_indexed', v_job.files_indexed,
        'files_skipped', v_job.files_skipped, 'files_unchanged', v_job.files_unchanged,
        'chunks_created', v_job.chunks_created
    ));
end
$$;
