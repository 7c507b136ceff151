-- The end of a scan: compares what the walk found with what is stored and cuts the difference into batches.
--
-- Reads pg_temp.found_files (path, size, mtime_ns, skip_reason, skip_detail), which the worker filled; the list
-- is the job's snapshot. Files are the same where size and modification time are (skipped ones too, unless the
-- reason may have gone: then they are read again). In one transaction: rows for files that the walk skips, the
-- job's totals, one batch row for each <= p_batch_files files and about <= p_batch_bytes bytes, one row for the
-- finish (with the ids of files that are gone), and their tokens. A job of more than 500 such batches gets larger ones,
-- of a 500th of its files but at most 256: claiming a batch costs the same whatever is in it, and a worker that dies
-- still loses no more than 0.2 % of the job. Fenced like every commit of a batch.
-- Errors: PX003 (the scan is no longer the caller's), PX006 (nothing found where files are indexed).
create or replace function pgdex.plan_job(
    p_job_id uuid, p_attempt integer, p_embedder text, p_dimension integer,
    p_batch_files integer, p_batch_bytes bigint, p_scan_seconds double precision
) returns void
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_job indexing_jobs;
    v_repository repositories;
    v_model smallint := pgdex.register_model(p_embedder, p_dimension);
    v_all boolean;
    v_found bigint;
    v_skipped bigint;
    v_unchanged bigint;
    v_to_index bigint;
    v_bytes bigint;
    v_batches integer;
    v_batch_files integer;
    v_gone bigint[];
begin
    -- Comparing takes most of the time, and a cancel must not wait for it: the job is locked when only writing is left.
    select * into v_job from indexing_jobs where id = p_job_id;
    select * into v_repository from repositories where id = v_job.repository_id;
    v_all := v_job.force_reindex or v_repository.model_id is distinct from v_model;

    select array_agg(f.id) into v_gone
    from files f
    where f.repository_id = v_repository.id
        and not exists (select from pg_temp.found_files w where w.path = f.path)
        -- What lies in a folder that can't be read now is not known to be gone.
        and not exists (
            select from pg_temp.found_files w
            where w.skip_reason in ('unreadable', 'io_error') and starts_with(f.path, w.path || '/')
        );
    select count(*), count(*) filter (where skip_reason is not null) into v_found, v_skipped
    from pg_temp.found_files;
    create temporary table planned_files on commit drop as
    select path, size, n, div(total - size, p_batch_bytes)::integer as by_bytes
    from (
        select w.path, w.size, row_number() over by_path as n, sum(w.size) over (by_path rows unbounded preceding) as total
        from pg_temp.found_files w
        left join files f on f.repository_id = v_repository.id and f.path = w.path
        where w.skip_reason is null
            and (
                v_all or f.id is null or f.size is distinct from w.size or f.mtime_ns is distinct from w.mtime_ns
                or (f.skip_reason is not null and f.content_hash is null)
            )
        window by_path as (order by w.path)
    ) as changed;
    select count(*), coalesce(sum(size), 0) into v_to_index, v_bytes from pg_temp.planned_files;
    select
        v_skipped + count(*) filter (where f.skip_reason is not null),
        count(*) filter (where f.skip_reason is null)
    into v_skipped, v_unchanged
    from pg_temp.found_files w
    join files f on f.repository_id = v_repository.id and f.path = w.path
    where w.skip_reason is null and not exists (select from pg_temp.planned_files p where p.path = w.path);

    v_job := pgdex.lock_live_job(p_job_id);
    -- The fence comes before any judgement of what was found: a stale scan has no say.
    perform pgdex.close_own_batch(p_job_id, 0, p_attempt, jsonb_build_object('scanning', p_scan_seconds));
    if v_found = 0 and v_gone is not null and not v_job.force_reindex then
        raise exception '% is empty, but % files of it are indexed: is a disk not mounted? Index with force to empty the index too',
            v_job.repo_path, cardinality(v_gone) using errcode = 'PX006';
    end if;

    perform pgdex.delete_chunks(v_repository.id, array(
        select f.id from pg_temp.found_files w
        join files f on f.repository_id = v_repository.id and f.path = w.path and f.skip_reason is null
        where w.skip_reason is not null
    ));
    insert into files (repository_id, path, size, mtime_ns, skip_reason, skip_detail)
    select v_repository.id, path, size, mtime_ns, skip_reason, skip_detail
    from pg_temp.found_files where skip_reason is not null
    on conflict (repository_id, path) do update set
        language = null, size = excluded.size, mtime_ns = excluded.mtime_ns, content_hash = null, chunks = 0,
        skip_reason = excluded.skip_reason, skip_detail = excluded.skip_detail, indexed_at = clock_timestamp()
    where (files.size, files.mtime_ns, files.skip_reason, files.skip_detail)
        is distinct from (excluded.size, excluded.mtime_ns, excluded.skip_reason, excluded.skip_detail);

    v_batch_files := greatest(p_batch_files, least(256, v_to_index / 500));
    insert into job_batches (job_id, seq, kind, paths, files_total, bytes_total)
    select
        p_job_id, row_number() over (order by (n - 1) / v_batch_files, by_bytes), 'index',
        array_agg(path order by path), count(*), sum(size)
    from pg_temp.planned_files
    group by (n - 1) / v_batch_files, by_bytes;
    get diagnostics v_batches = row_count;
    insert into job_batches (job_id, seq, kind, file_ids) values (p_job_id, v_batches + 1, 'finish', v_gone);
    drop table pg_temp.planned_files;

    update repositories
    set model_id = v_model, embedding_model = p_embedder, embedding_dimension = p_dimension
    where id = v_repository.id and model_id is distinct from v_model;
    update indexing_jobs set
        files_scanned = v_found, files_skipped = v_skipped, files_unchanged = v_unchanged,
        files_to_index = v_to_index, bytes_total = v_bytes, batches_left = v_batches,
        model_id = v_model, embedder = p_embedder, embed_all = v_all, scanned_at = clock_timestamp(),
        seconds_by_phase = pgdex.added_seconds(seconds_by_phase, jsonb_build_object('scanning', p_scan_seconds))
    where id = p_job_id;
    insert into job_events (job_id, event_type, event_data)
    values (p_job_id, 'scanned', jsonb_build_object(
        'files_scanned', v_found, 'files_to_index', v_to_index, 'files_unchanged', v_unchanged,
        'files_skipped', v_skipped, 'files_deleted', coalesce(cardinality(v_gone), 0), 'bytes_to_index', v_bytes,
        'batches', v_batches, 'embedder', p_embedder
    ));
    perform pgdex.queue_batches(p_job_id, array(
        select seq from job_batches
        where job_id = p_job_id and state = 'waiting' and (kind = 'index' or v_batches = 0)
    ));
    perform pgdex.record_progress(p_job_id);
    if v_batches > 200 then
        perform pgdex.analyze_queue();
    end if;
end
$$;
