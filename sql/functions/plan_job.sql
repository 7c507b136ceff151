-- The end of a scan: compares what the walk found with what is stored and divides the difference into batches.
--
-- Reads pg_temp.found_files (path, size, mtime_ns, ctime_ns, inode, blob_id, skip_reason, skip_detail), which the worker
-- filled; the list is the job's snapshot. A file is unchanged if its size, times and inode are (this holds for skipped
-- files too, unless the reason may no longer apply: then they are read again) and if its version was indexed with
-- p_embedder and in p_index_format. A changed file for which git vouches (blob_id) needs no reading either where the
-- repository has that version already, from another worktree or from before a branch was switched: the view takes it over
-- here. In one transaction, this writes rows for these files and for those that the walk skips, the job's totals, one
-- batch row for each <= p_batch_files files and about <= p_batch_bytes bytes, one row for the finish (with the paths of
-- deleted files), and their wake-ups. A job of more than 500 such batches gets larger ones, of a 500th of its files but at
-- most 256: claiming a batch costs the same whatever is in it, and a worker that dies still loses no more than 0.2 % of
-- the job. Fenced like every commit of a batch.
--
-- A job that looks at some paths only (only_paths) compares what the walk found at them and below them with what is
-- stored there. The tree as a whole is as the last scan saw it: p_witness is null then.
--
-- Files that were not seen do not count as deleted. Searchable files that the walk could not look at stay in the view
-- and are counted as kept: those below a folder that can't be read, those that can't be read themselves, and those below
-- a folder of p_unmounted (a file system was mounted on it at the last scan, and is not now), unless most of what is
-- stored of that folder was found in it nevertheless. p_witness: how the tree is recognised from now on
-- (pgdex.indexer.sources: Witness). p_is_known: whether the walked folder is the one of the last scan, by its identity or by
-- names that are still there.
-- Errors: PX003 (the scan is no longer the caller's), PX006 (nothing found where files are indexed; or none of them, in
-- a folder that does not look like theirs). Not even force empties a view like that: pgdex remove does.
create or replace function pgdex.plan_job(
    p_job_id uuid, p_attempt integer, p_embedder text, p_dimension integer,
    p_batch_files integer, p_batch_bytes bigint, p_scan_seconds double precision, p_index_format smallint default 0,
    p_witness jsonb default null, p_unmounted text[] default '{}', p_is_known boolean default true
) returns void
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_job indexing_jobs;
    v_view views;
    v_repository repositories;
    v_model smallint := pgdex.register_model(p_embedder, p_dimension);
    v_found bigint;
    v_skipped bigint;
    v_unchanged bigint;
    v_to_index bigint;
    v_bytes bigint;
    v_batches integer;
    v_batch_files integer;
    v_outdated bigint;
    v_taken_over bigint;
    v_lost text[];
    v_searchable bigint;
    v_gone text[];
    v_witness jsonb := p_witness;
begin
    -- Comparing takes most of the time, and a cancel must not wait for it: the job is locked when only writing is left.
    select * into v_job from indexing_jobs where id = p_job_id;
    select * into v_view from views where id = v_job.view_id;
    v_witness := coalesce(v_witness, v_view.witness);
    select * into v_repository from repositories where id = v_view.repository_id;

    create temporary table absent_files on commit drop as
    -- A few rows, which the planner can't know: without this it reads the whole list again for each absent file.
    with closed as materialized (
        select path || '/' as folder, skip_reason from pg_temp.found_files
        where skip_reason in ('unreadable', 'io_error')
    )
    select
        e.path, e.skip_reason is null as is_searchable,
        (select min(c.skip_reason) from closed c where starts_with(e.path, c.folder)) as kept_for
    from (
        select f.path, f.skip_reason from view_files f where f.view_id = v_view.id and v_job.only_paths is null
        union all
        (
            select f.path, f.skip_reason
            from unnest(v_job.only_paths) as o join view_files f on f.view_id = v_view.id and f.path = o
            union
            -- All below a folder: '0' comes after '/'.
            select f.path, f.skip_reason
            from unnest(v_job.only_paths) as o
            join view_files f on f.view_id = v_view.id and f.path > o || '/' and f.path < o || '0'
        )
    ) as e
    where not exists (select from pg_temp.found_files w where w.path = e.path);
    select array_agg(folder) into v_lost
    from unnest(p_unmounted) as folder
    where (select count(*) from pg_temp.absent_files a where starts_with(a.path, folder || '/')) > (
        select count(*) from view_files e join pg_temp.found_files w on w.path = e.path
        where e.view_id = v_view.id and starts_with(e.path, folder || '/')
    );
    if v_lost is not null then
        update pg_temp.absent_files a set kept_for = 'not_mounted'
        where kept_for is null and exists (select from unnest(v_lost) as folder where starts_with(a.path, folder || '/'));
        -- Still a mount point in the eyes of the next scan.
        v_witness := jsonb_set(
            v_witness, '{mounts}', coalesce(v_witness -> 'mounts', '[]') || to_jsonb(v_lost)
        );
    end if;
    select array_agg(path) filter (where kept_for is null), count(*) filter (where is_searchable and kept_for is null)
    into v_gone, v_searchable from pg_temp.absent_files;
    -- Listed, but the system did not let the walk look at the file.
    create temporary table kept_files on commit drop as
    select e.path, w.skip_reason as kept_for
    from pg_temp.found_files w
    join view_files e on e.view_id = v_view.id and e.path = w.path
    where w.skip_reason in ('unreadable', 'io_error') and e.skip_reason is null;
    select count(*), count(*) filter (where skip_reason is not null) - (select count(*) from pg_temp.kept_files)
    into v_found, v_skipped
    from pg_temp.found_files;

    create temporary table changed_files on commit drop as
    select path, size, blob_id, is_outdated and not is_changed as is_outdated, is_changed
    from (
        select
            w.path, w.size, w.blob_id,
            v_job.force_reindex or e.version_id is null or e.size is distinct from w.size
                or case
                    -- Of a commit git says what the content is.
                    when v_view.ref <> '' then v.blob_id is distinct from w.blob_id
                    else e.mtime_ns is distinct from w.mtime_ns
                        -- 0: the system does not say; null: nothing was noted of it.
                        or coalesce(w.ctime_ns <> 0 and e.ctime_ns <> w.ctime_ns, false)
                        or coalesce(w.inode <> 0 and e.inode <> w.inode, false)
                end as is_changed,
            v.id is not null and (
                v.index_format <> p_index_format
                or v.skip_reason is null and v.model_id is distinct from v_model
            ) as is_outdated
        from pg_temp.found_files w
        left join view_files e on e.view_id = v_view.id and e.path = w.path
        left join versions v on v.id = e.version_id
        where w.skip_reason is null
    ) as judged
    where is_changed or is_outdated;
    create temporary table taken_over_files on commit drop as
    select distinct on (path) path, version_id, size, mtime_ns, ctime_ns, inode, skip_reason, skip_detail
    from (
        select w.path, v.id as version_id, w.size, w.mtime_ns, w.ctime_ns, w.inode, v.skip_reason, v.skip_detail
        from pg_temp.changed_files c
        join pg_temp.found_files w on w.path = c.path and w.blob_id is not null
        join versions v on v.repository_id = v_repository.id and v.path = w.path and v.blob_id = w.blob_id
            and v.size = w.size
        where c.is_changed and not v_job.force_reindex and v.index_format = p_index_format
            and (v.skip_reason is not null or v.model_id is not distinct from v_model)
        -- One that is being removed for being unused is not there any more; the others stay.
        for key share of v skip locked
    ) as held
    order by path, version_id;
    get diagnostics v_taken_over = row_count;
    if v_taken_over > 0 then
        delete from pg_temp.changed_files c using pg_temp.taken_over_files t where t.path = c.path;
    end if;

    create temporary table planned_files on commit drop as
    select path, size, blob_id, is_outdated, n, div(total - size, p_batch_bytes)::integer as by_bytes
    from (
        select
            path, size, blob_id, is_outdated, row_number() over by_path as n,
            sum(size) over (by_path rows unbounded preceding) as total
        from pg_temp.changed_files
        window by_path as (order by path)
    ) as numbered;
    select count(*), coalesce(sum(size), 0), count(*) filter (where is_outdated)
    into v_to_index, v_bytes, v_outdated from pg_temp.planned_files;
    select
        v_skipped + count(*) filter (where coalesce(t.skip_reason, e.skip_reason) is not null),
        (select count(*) from pg_temp.kept_files)
            + count(*) filter (where t.path is not null and t.skip_reason is null or t.path is null and e.skip_reason is null)
    into v_skipped, v_unchanged
    from pg_temp.found_files w
    left join pg_temp.taken_over_files t on t.path = w.path
    left join view_files e on e.view_id = v_view.id and e.path = w.path and t.path is null
    where w.skip_reason is null and not exists (select from pg_temp.planned_files p where p.path = w.path);

    v_job := pgdex.lock_live_job(p_job_id);
    -- The fence comes before any judgement of what was found: a stale scan has no say.
    perform pgdex.close_own_batch(p_job_id, 0, p_attempt, jsonb_build_object('scanning', p_scan_seconds));
    if v_found = 0 and v_gone is not null and v_job.only_paths is null then
        raise exception '% is empty, but % files of it are indexed: is a disk not mounted? To take it out of the index: pgdex remove',
            v_job.repo_path, cardinality(v_gone) using errcode = 'PX006';
    end if;
    if not p_is_known and v_searchable > 0 and v_job.only_paths is null and not exists (
        select from view_files e join pg_temp.found_files w on w.path = e.path
        where e.view_id = v_view.id and e.skip_reason is null
    ) then
        raise exception '% is another folder than the one that is indexed: none of its % files is there. Is a disk not mounted? If the folder was replaced: pgdex remove, then index it',
            v_job.repo_path, v_searchable using errcode = 'PX006';
    end if;

    perform pgdex.set_view_files(
        v_view.id, array_agg(path), array_agg(version_id), array_agg(size), array_agg(mtime_ns), array_agg(ctime_ns),
        array_agg(inode), array_agg(skip_reason), array_agg(skip_detail)
    )
    from (
        select path, version_id, size, mtime_ns, ctime_ns, inode, skip_reason, skip_detail
        from pg_temp.taken_over_files
        union all
        select w.path, null, w.size, w.mtime_ns, w.ctime_ns, w.inode, w.skip_reason, w.skip_detail
        from pg_temp.found_files w
        left join view_files e on e.view_id = v_view.id and e.path = w.path
        where w.skip_reason is not null
            and not exists (select from pg_temp.kept_files k where k.path = w.path)
            and (e.path is null or e.version_id is not null or (e.size, e.mtime_ns, e.skip_reason, e.skip_detail)
                is distinct from (w.size, w.mtime_ns, w.skip_reason, w.skip_detail))
    ) as written
    having count(*) > 0;

    v_batch_files := greatest(p_batch_files, least(256, v_to_index / 500));
    insert into job_batches (job_id, seq, kind, paths, blob_ids, files_total, bytes_total)
    select
        p_job_id, row_number() over (order by (n - 1) / v_batch_files, by_bytes), 'index',
        array_agg(path order by path), case when v_view.ref <> '' then array_agg(blob_id order by path) end,
        count(*), sum(size)
    from pg_temp.planned_files
    group by (n - 1) / v_batch_files, by_bytes;
    get diagnostics v_batches = row_count;
    insert into job_batches (job_id, seq, kind, paths) values (p_job_id, v_batches + 1, 'finish', v_gone);

    update repositories
    set model_id = v_model, embedding_model = p_embedder, embedding_dimension = p_dimension,
        has_older_vectors = has_older_vectors or exists (
            select from versions v
            where v.repository_id = v_repository.id and v.chunks > 0 and v.model_id is distinct from v_model
                and v.unused_since is null
        )
    where id = v_repository.id and model_id is distinct from v_model;
    update views set witness = v_witness, missing_since = null
    where id = v_view.id and (witness is distinct from v_witness or missing_since is not null);
    update indexing_jobs set
        files_scanned = v_found, files_skipped = v_skipped, files_unchanged = v_unchanged,
        files_to_index = v_to_index, bytes_total = v_bytes, batches_left = v_batches,
        files_outdated = v_outdated, witness = v_witness,
        files_kept = (select count(*) from pg_temp.kept_files)
            + (select count(*) from pg_temp.absent_files where is_searchable and kept_for is not null),
        kept_by_reason = (
            select coalesce(jsonb_object_agg(kept_for, n), '{}')
            from (
                select kept_for, count(*) as n
                from (
                    select kept_for from pg_temp.kept_files
                    union all
                    select kept_for from pg_temp.absent_files where is_searchable and kept_for is not null
                ) as kept
                group by kept_for
            ) as reasons
        ),
        model_id = v_model, embedder = p_embedder, embed_all = force_reindex, scanned_at = clock_timestamp(),
        seconds_by_phase = pgdex.added_seconds(seconds_by_phase, jsonb_build_object('scanning', p_scan_seconds))
    where id = p_job_id;
    insert into job_events (job_id, event_type, event_data)
    values (p_job_id, 'scanned', jsonb_build_object(
        'files_scanned', v_found, 'files_to_index', v_to_index, 'files_unchanged', v_unchanged,
        'files_skipped', v_skipped, 'files_deleted', coalesce(cardinality(v_gone), 0), 'bytes_to_index', v_bytes,
        'files_kept', (select files_kept from indexing_jobs where id = p_job_id), 'files_outdated', v_outdated,
        'files_taken_over', v_taken_over,
        'batches', v_batches, 'embedder', p_embedder
    ));
    drop table pg_temp.planned_files, pg_temp.changed_files, pg_temp.taken_over_files, pg_temp.absent_files, pg_temp.kept_files;
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
