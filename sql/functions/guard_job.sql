-- The state machine of a job, for every client that writes to indexing_jobs.
--
-- Promises, whoever runs the statement:
--   * a job starts as pending, with nothing counted yet;
--   * pending -> running | cancelled; running -> completed | failed | cancelled | blocked;
--     blocked -> running | failed | cancelled; nothing leaves completed, failed, cancelled;
--   * a final row never changes again, and a live row is never deleted;
--   * counters and the progress floor never go back, the identity of a job never changes;
--   * started_at, completed_at, cancelled_at and blocked_since are filled here, by the database's clock.
-- Errors: PX002 (illegal change of a job).
create or replace function pgdex.guard_job() returns trigger
language plpgsql
set search_path = pgdex, pg_temp
as $$
begin
    if tg_op = 'DELETE' then
        if old.status in ('pending', 'running', 'blocked') then
            raise exception 'job % is %: a live job cannot be deleted', old.id, old.status
                using errcode = 'PX002', hint = 'Cancel it first: select pgdex.cancel_job(''' || old.id || ''');';
        end if;
        return old;
    end if;

    if tg_op = 'INSERT' then
        if new.status <> 'pending' then
            raise exception 'a new job must be pending, got %', new.status using errcode = 'PX002';
        end if;
        if new.files_scanned + new.files_indexed + new.chunks_created > 0 or new.summary is not null then
            raise exception 'a new job must have nothing counted yet' using errcode = 'PX002';
        end if;
        new.created_at := clock_timestamp();
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
    if (new.id, new.repository_id, new.project_id, new.repo_path, new.created_at)
        is distinct from (old.id, old.repository_id, old.project_id, old.repo_path, old.created_at) then
        raise exception 'the id, repository, project, path and creation time of job % cannot change', old.id
            using errcode = 'PX002';
    end if;
    if new.files_scanned < old.files_scanned or new.files_indexed < old.files_indexed
        or new.files_skipped < old.files_skipped or new.files_unchanged < old.files_unchanged
        or new.files_done < old.files_done or new.chunks_created < old.chunks_created
        or new.bytes_done < old.bytes_done or new.progress_floor < old.progress_floor then
        raise exception 'progress of job % cannot go back', old.id using errcode = 'PX002';
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
