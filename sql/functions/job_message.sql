-- One line that tells people what a job is doing: "Generating embeddings: 9,120/15,000 files · 310 files/s · 19 s
-- left". Every front end shows this line, so that all of them say the same. What a worker that died has in flight is not
-- in any phase: as long as a job has no living worker, its line says so, instead of time left that does not pass.
create or replace function pgdex.job_message(job pgdex.indexing_jobs) returns text
language plpgsql stable
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_phase text;
    v_nobody boolean;
    v_rate double precision;
    v_eta integer;
    v_found bigint;
    v_before integer;
    v_left double precision;
begin
    case job.status
        when 'completed' then
            return format(
                'Completed: %s indexed, %s unchanged, %s skipped, %s deleted in %s',
                pgdex.thousands(job.files_indexed), pgdex.thousands(job.files_unchanged),
                pgdex.thousands(job.files_skipped), pgdex.thousands(job.files_deleted),
                pgdex.duration_text((job.summary ->> 'duration_seconds')::double precision)
            );
        when 'failed' then
            return 'Failed: ' || left(job.error_message, 300);
        when 'cancelled' then
            return format(
                'Cancelled after %s of %s files; what was indexed stays searchable',
                pgdex.thousands(job.files_done), pgdex.thousands(job.files_to_index)
            );
        when 'blocked' then
            if job.waits_for_admission then
                v_before := pgdex.jobs_before(job);
                return format('Waiting for its turn to continue: %s, and %s', left(job.blocked_reason, 300),
                              pgdex.jobs_before_text(v_before));
            end if;
            -- Never later than after the wait that was set: the clock may have been set back.
            v_left := least(extract(epoch from job.next_probe_at - clock_timestamp())::float8, job.probe_wait);
            return format(
                'Waiting: %s · next try %s', left(job.blocked_reason, 300),
                case when v_left > 0 then 'in ' || pgdex.duration_text(v_left) else 'now' end
            );
        when 'pending' then
            if job.admitted_at is null then
                v_before := pgdex.jobs_before(job);
                if v_before >= pgdex.max_concurrent_jobs() then
                    return 'Waiting for its turn: ' || pgdex.jobs_before_text(v_before);
                end if;
            end if;
            if not exists (select from worker_status where alive) then
                return 'Waiting for a worker: none is running (start one with: pgdex worker)';
            end if;
            return 'Waiting for a free worker';
        else null;
    end case;

    v_phase := pgdex.job_phase(job);
    -- Only where nothing is in flight does it need to be known exactly: this line is made 20 times a second, and the view
    -- looks at all locks of the server.
    v_nobody := case
        when v_phase is null then not exists (select from worker_status where alive)
        else not exists (
            select from workers
            where greatest(clock_timestamp() - beat_at, beat_at - clock_timestamp()) <= interval '5 seconds'
        )
    end;
    if job.scanned_at is null then
        select sum(files_found) into v_found from job_batches where job_id = job.id and state = 'running';
        if v_nobody then
            return 'Waiting for a worker to scan: none is running (start one with: pgdex worker)';
        end if;
        if v_phase = 'fetching' then
            return 'Fetching ' || left(job.repo_path, 300);
        end if;
        return format('Scanning: %s files found', pgdex.thousands(coalesce(v_found, 0)));
    end if;
    if job.files_done >= job.files_to_index then
        return case
            when v_nobody then 'Finishing: waiting for a worker, and none is running (start one with: pgdex worker)'
            when v_phase = 'finishing' then 'Finishing: removing deleted files and building indexes'
            else 'Finishing: waiting for a worker'
        end;
    end if;
    if v_nobody then
        return format(
            'Waiting for a worker at %s/%s files: none is running (start one with: pgdex worker)',
            pgdex.thousands(job.files_done), pgdex.thousands(job.files_to_index)
        );
    end if;
    select files_per_second into v_rate from pgdex.job_rate(job);
    v_eta := pgdex.job_eta_seconds(job);
    return concat_ws(
        ' · ',
        format(
            '%s: %s/%s files',
            case v_phase when 'embedding' then 'Generating embeddings' when 'writing' then 'Writing'
                         when 'chunking' then 'Chunking' when 'fetching' then 'Fetching' else 'Waiting for a worker' end,
            pgdex.thousands(job.files_done), pgdex.thousands(job.files_to_index)
        ),
        case when v_rate >= 9.5 then pgdex.thousands(v_rate::bigint) else round(v_rate::numeric, 1)::text end || ' files/s',
        pgdex.duration_text(v_eta) || ' left'
    );
end
$$;
