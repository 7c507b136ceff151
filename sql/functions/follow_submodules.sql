-- Enqueues the submodules of a job's commit, each as a view of its own at its commit, links them to the job's view, and
-- notes in the job what was done: [{"path": …, "location": …, "job_id": …}] or with a "reason" why not.
--
-- p_found: [{"path", "location", "root", "ref"}] or with a "reason" instead of root and ref. p_chain: the identities of the
-- repositories that lead to them. A submodule that is indexed at that commit already is not indexed again. A view that is
-- only there as a submodule, and is none any more, is removed once what took its place is indexed.
-- Fenced like a commit. Runs with its owner's rights. Errors: PX003 (the scan is no longer the caller's).
create or replace function pgdex.follow_submodules(
    p_job_id uuid, p_attempt integer, p_embedder text, p_chain text[], p_found jsonb
) returns void
language plpgsql security definer
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_job indexing_jobs := pgdex.lock_live_job(p_job_id);
    v_one record;
    v_child views;
    v_is_new boolean;
    v_is_ours boolean;
    v_child_job uuid;
    v_reason text;
    v_done jsonb := '[]';
begin
    if not exists (
        select from job_batches b
        where b.job_id = p_job_id and b.seq = 0 and b.attempt = p_attempt and b.state = 'running'
    ) then
        raise exception 'attempt % of the scan of job % is no longer current', p_attempt, p_job_id
            using errcode = 'PX003';
    end if;
    delete from submodules s
    where s.parent_id = v_job.view_id
        and s.path not in (select f.path from jsonb_to_recordset(p_found) as f (path text));
    for v_one in
        select f.* from jsonb_to_recordset(p_found) as f (path text, location text, root text, ref text, reason text)
        order by f.root, f.ref, f.path  -- the same for all: two scans that follow the same ones wait, and not for ever
    loop
        v_child_job := null;
        v_reason := v_one.reason;
        select * into v_child from views v
        where v.project_id = v_job.project_id and v.root = v_one.root and v.ref = v_one.ref and v.removed_at is null;
        v_is_new := not found;
        -- enqueue_job takes this back, as for everyone who asks for the view for its own sake.
        v_is_ours := v_is_new or v_child.submodule_of is not null;
        if v_reason is null and not v_is_new and v_child.last_indexed_at is not null and v_child.follows_submodules
            and not v_job.force_reindex then
            v_child_job := v_child.last_job_id;
        elsif v_reason is null then
            begin
                v_child_job := pgdex.enqueue_job(
                    v_one.root, project => v_job.project_id, force => v_job.force_reindex, embedder => p_embedder,
                    ref => v_one.ref, submodules => true
                );
                select v.* into v_child from indexing_jobs j join views v on v.id = j.view_id where j.id = v_child_job;
                update views v set submodule_of = p_chain where v.id = v_child.id and v_is_ours;
            exception when sqlstate 'PX004' or sqlstate 'PX005' then
                v_reason := sqlerrm;
            end;
        end if;
        insert into submodules (parent_id, path, view_id, location, reason)
        values (
            v_job.view_id, v_one.path, case when v_reason is null then v_child.id end, v_one.location, v_reason
        )
        on conflict (parent_id, path) do update
        set view_id = excluded.view_id, location = excluded.location, reason = excluded.reason;
        v_done := v_done || jsonb_strip_nulls(jsonb_build_object(
            'path', v_one.path, 'location', v_one.location, 'job_id', v_child_job, 'reason', v_reason
        ));
    end loop;
    update indexing_jobs j
    set submodules = coalesce((select jsonb_agg(d order by d ->> 'path') from jsonb_array_elements(v_done) as d), '[]')
    where j.id = p_job_id;

    for v_one in
        select v.id from views v
        where v.submodule_of is not null and v.removed_at is null
            and v.repository_id in (
                select w.repository_id from submodules s join views w on w.id = s.view_id
                where s.parent_id = v_job.view_id and w.last_indexed_at is not null
            )
            and not exists (select from submodules s where s.view_id = v.id)
            and not exists (select from indexing_jobs j where j.view_id = v.id and pgdex.is_live(j.status))
        order by v.repository_id, v.id  -- remove_view locks the repository: the same order for all
    loop
        begin
            perform pgdex.remove_view(v_one.id);
        exception when sqlstate 'PX002' or sqlstate 'PX005' then
            null;  -- someone has just asked for it, or removed it
        end;
    end loop;
end
$$;
