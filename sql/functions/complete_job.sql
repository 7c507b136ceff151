-- The end of a finish, in its transaction: takes files that are no longer in the tree out of the view, writes the summary and
-- completes the job. p_seconds: {"finishing": seconds spent before this call}. Errors: PX003 (stale).
create or replace function pgdex.complete_job(p_job_id uuid, p_seq integer, p_attempt integer, p_seconds jsonb)
returns void
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_job indexing_jobs;
    v_view views;
    v_gone text[];
    v_deleted bigint;
    v_by_reason jsonb;
    v_seconds jsonb;
    v_duration double precision;
begin
    v_job := pgdex.lock_live_job(p_job_id);
    if v_job.batches_left <> 0 then
        raise exception 'job % has % batches left', p_job_id, v_job.batches_left using errcode = 'PX002';
    end if;
    select paths into v_gone from job_batches where job_id = p_job_id and seq = p_seq;
    perform pgdex.close_own_batch(p_job_id, p_seq, p_attempt, p_seconds);

    select * into v_view from views where id = v_job.view_id;
    v_deleted := pgdex.remove_view_files(v_view.id, v_gone);

    select coalesce(jsonb_object_agg(skip_reason, n), '{}') into v_by_reason
    from (
        select skip_reason, count(*) as n from view_files
        where view_id = v_view.id and skip_reason is not null group by skip_reason
    ) as reasons;
    v_seconds := pgdex.added_seconds(v_job.seconds_by_phase, p_seconds);
    v_duration := greatest(0, extract(epoch from clock_timestamp() - v_job.started_at));  -- the clock may be set back

    -- The repository before its views: other jobs of the same one lock them in this order too.
    update repositories
    set chunks = (select coalesce(sum(w.chunks), 0) from versions w where w.repository_id = v_view.repository_id),
        has_older_vectors = has_older_vectors and exists (
            select from versions w
            where w.repository_id = v_view.repository_id and w.chunks > 0 and w.unused_since is null
                and w.model_id is distinct from v_job.model_id
        )
    where id = v_view.repository_id;
    update views
    set last_indexed_at = clock_timestamp(), last_job_id = p_job_id,
        chunks = (
            select coalesce(sum(w.chunks), 0) from view_files e join versions w on w.id = e.version_id
            where e.view_id = v_view.id
        )
    where id = v_view.id;
    perform pgdex.choose_default_view(v_view.repository_id);
    update indexing_jobs set
        status = 'completed', files_deleted = v_deleted,
        summary = jsonb_build_object(
            'files_found', files_scanned, 'files_indexed', files_indexed, 'files_unchanged', files_unchanged,
            'files_skipped', files_skipped, 'skipped_by_reason', v_by_reason, 'files_deleted', v_deleted,
            'files_kept', files_kept, 'kept_by_reason', kept_by_reason, 'files_outdated', files_outdated,
            'ignored', coalesce(ignored, '{"entries": 0, "rules": []}'),
            'chunks_created', chunks_created, 'bytes_indexed', bytes_done,
            'duration_seconds', round(v_duration::numeric, 3),
            'files_per_second', round((files_done / nullif(v_duration, 0))::numeric, 1),
            'bytes_per_second', round(bytes_done / nullif(v_duration, 0)),
            'seconds', (
                select jsonb_object_agg(phase, round(coalesce((v_seconds ->> phase)::numeric, 0), 3))
                from unnest(array['scanning', 'reading', 'chunking', 'embedding', 'writing', 'finishing']) as p (phase)
            ),
            'embedder', embedder, 'is_first', v_view.last_indexed_at is null
        ) || case when submodules is null then '{}' else jsonb_build_object('submodules', submodules) end
    where id = p_job_id;
end
$$;
