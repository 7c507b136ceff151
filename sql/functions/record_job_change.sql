-- What follows from a change of a job's status, in the same transaction and for every client.
--
-- Promises: one event row for each transition (notify_event sends it on pgdex_events). When a job ends, its open
-- batches are closed, waiting work is taken out of the queue and running work is asked to abort; a schedule of its view
-- notes whether it failed. When a job may be able
-- to be admitted (this one is new, or gave up its admission), workers are woken up (pgdex_wake) to do that on their
-- tick: admitting here would hold locks for as long as the caller's transaction is open.
create or replace function pgdex.record_job_change() returns trigger
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
begin
    if tg_op = 'INSERT' then
        insert into job_events (job_id, event_type, event_data)
        values (new.id, 'created', jsonb_build_object(
            'status', new.status, 'repo_path', new.repo_path, 'project_id', new.project_id,
            'force_reindex', new.force_reindex
        ));
        perform pg_notify('pgdex_wake', '');
        return null;
    end if;
    if new.status = old.status then
        return null;
    end if;

    insert into job_events (job_id, event_type, event_data)
    values (
        new.id,
        case when new.status = 'running' then case old.status when 'blocked' then 'resumed' else 'started' end
             else new.status end,
        jsonb_strip_nulls(jsonb_build_object(
            'status', new.status, 'previous_status', old.status, 'repo_path', new.repo_path,
            'progress_percentage', round(new.progress_floor::numeric, 1),
            'files_scanned', new.files_scanned, 'files_indexed', new.files_indexed,
            'chunks_created', new.chunks_created,
            'error_type', new.error_type, 'error_message', left(new.error_message, 2000),
            'blocked_reason', left(new.blocked_reason, 2000), 'next_probe_at', new.next_probe_at,
            'duration_seconds', new.summary -> 'duration_seconds'
        ))
    );
    if new.status in ('completed', 'failed', 'cancelled') then
        perform pgdex.close_batches(new.id);
    end if;
    if new.status = 'failed' then
        perform pgdex.schedule_failed(new.view_id, new.error_message);
    elsif new.status = 'completed' then
        update schedules set failures = 0, error = null where view_id = new.view_id and failures > 0;
    end if;
    if new.status <> 'running' then
        perform pg_notify('pgdex_wake', '');
    end if;
    return null;
end
$$;
