-- The state machine of a job, for every client that writes to indexing_jobs.
--
-- Promises, whoever runs the statement:
--   * a job starts as pending, with nothing counted yet;
--   * pending -> running | cancelled; running -> completed | failed | cancelled | blocked;
--     blocked -> running | failed | cancelled; nothing leaves completed, failed, cancelled;
--   * a final row never changes again, and a live row is never deleted;
--   * no more than max_concurrent_jobs are admitted (admitted_at), only those start, and none loses its admission once
--     it has started, except that a blocked job gives it up and needs a new one to run again;
--   * waits_for_admission says which jobs admit_jobs has to look at: pending ones that are not admitted, and blocked ones
--     whose service answers again (resume_job);
--   * which paths a job looks at (only_paths) does not change once it has started;
--   * counters and the progress floor never go back, batches_left never goes up once the work is planned, the identity
--     of a job never changes;
--   * started_at, completed_at, cancelled_at and blocked_since are filled in here, from the database's clock; they are
--     for people, and nothing is decided by them.
-- Errors: PX002 (illegal change of a job).
create or replace function pgdex.guard_job() returns trigger
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
begin
    if tg_op = 'DELETE' then
        if pgdex.is_live(old.status) then
            raise exception 'job % is %: a live job cannot be deleted', old.id, old.status
                using errcode = 'PX002', hint = 'Cancel it first: select pgdex.cancel_job(''' || old.id || ''');';
        end if;
        return old;
    end if;

    if tg_op = 'INSERT' then
        if new.status <> 'pending' then
            raise exception 'a new job must be pending, got %', new.status using errcode = 'PX002';
        end if;
        if new.admitted_at is not null then
            raise exception 'a new job cannot be admitted yet: it is admitted when its turn comes' using errcode = 'PX002';
        end if;
        if (new.files_scanned, new.files_to_index, new.files_done, new.files_indexed, new.files_skipped,
            new.files_unchanged, new.files_deleted, new.chunks_created, new.bytes_done, new.batches_left,
            new.progress_floor) <> (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
            or new.scanned_at is not null or new.summary is not null then
            raise exception 'a new job must have nothing counted yet' using errcode = 'PX002';
        end if;
        new.created_at := clock_timestamp();
        new.waits_for_admission := true;
        return new;
    end if;

    if old.status in ('completed', 'failed', 'cancelled') then
        raise exception 'job % is already %: that is final', old.id, old.status using errcode = 'PX002';
    end if;
    if new.status <> old.status and (old.status, new.status) not in (
        ('pending', 'running'), ('pending', 'cancelled'),
        ('running', 'completed'), ('running', 'failed'), ('running', 'cancelled'), ('running', 'blocked'),
        ('blocked', 'running'), ('blocked', 'failed'), ('blocked', 'cancelled')
    ) then
        raise exception 'job % cannot go from % to %', old.id, old.status, new.status using errcode = 'PX002';
    end if;
    if (new.id, new.view_id, new.project_id, new.repo_path, new.queue_number, new.created_at)
        is distinct from (old.id, old.view_id, old.project_id, old.repo_path, old.queue_number, old.created_at) then
        raise exception 'the id, view, project, path and creation time of job % cannot change', old.id
            using errcode = 'PX002';
    end if;
    if old.status <> 'pending' and new.only_paths is distinct from old.only_paths then
        raise exception 'job % has started: what it looks at cannot change', old.id using errcode = 'PX002';
    end if;
    if new.status <> old.status and new.status = 'blocked' then
        new.admitted_at := null;
    elsif new.status <> old.status and old.status = 'blocked' and new.status = 'running' then
        new.admitted_at := clock_timestamp();
    elsif old.status <> 'pending' and new.admitted_at is distinct from old.admitted_at then
        raise exception 'job % has started: when it was admitted cannot change', old.id using errcode = 'PX002';
    end if;
    if old.admitted_at is null and new.admitted_at is not null then
        -- The lock that admit_jobs holds: without it two who count at the same time would both find a free admission.
        perform from cluster_duties where name = 'admission' for no key update;
        if pgdex.free_admissions() = 0 then
            raise exception 'job % cannot be admitted: no more than max_concurrent_jobs (%) run at once',
                old.id, pgdex.max_concurrent_jobs() using errcode = 'PX002';
        end if;
    end if;
    if old.status = 'pending' and new.status = 'running' and new.admitted_at is null then
        raise exception 'job % cannot start: its turn to be admitted has not come', old.id using errcode = 'PX002';
    end if;
    new.waits_for_admission := case new.status
        when 'pending' then new.admitted_at is null
        when 'blocked' then old.status = 'blocked' and new.waits_for_admission
        else false
    end;
    if new.files_scanned < old.files_scanned or new.files_indexed < old.files_indexed
        or new.files_skipped < old.files_skipped or new.files_unchanged < old.files_unchanged
        or new.files_deleted < old.files_deleted or new.files_to_index < old.files_to_index
        or new.files_done < old.files_done or new.chunks_created < old.chunks_created
        or new.bytes_done < old.bytes_done or new.progress_floor < old.progress_floor then
        raise exception 'progress of job % cannot go back', old.id using errcode = 'PX002';
    end if;
    if new.batches_left < 0 or old.scanned_at is not null and (
        new.batches_left > old.batches_left or new.scanned_at is null
    ) then
        raise exception 'the work of job % is planned: its batches_left can go down to 0 and not up, got %',
            old.id, new.batches_left using errcode = 'PX002';
    end if;

    if new.status <> old.status then
        case new.status
            when 'running' then
                new.started_at := coalesce(old.started_at, clock_timestamp());
                new.blocked_since := null;
                new.blocked_reason := null;
                new.next_probe_at := null;
            when 'blocked' then new.blocked_since := clock_timestamp();
            when 'completed' then
                new.completed_at := clock_timestamp();
                new.progress_floor := 100;
            when 'failed' then
                new.completed_at := clock_timestamp();
                new.progress_floor := pgdex.job_percentage(old);
            when 'cancelled' then
                new.cancelled_at := clock_timestamp();
                new.progress_floor := pgdex.job_percentage(old);
        end case;
    else
        new.started_at := old.started_at;
        new.completed_at := old.completed_at;
        new.cancelled_at := old.cancelled_at;
    end if;
    return new;
end
$$;
