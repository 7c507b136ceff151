-- Records what a scan learned of its job's view: which git history it belongs to, whether it is the main working tree, its
-- branch and commit. Returns the repository that the view belongs to from now on, and the embedder that the job uses.
--
-- p_identity: the normalised URL of the remote, or the common git directory, or the folder itself where there is no git.
-- A view that has no files yet joins the repository with that identity, if the project has one: then the files that both
-- have are stored once. A view that has files stays where it is. Its repository takes an identity that is free once no
-- other view of it still says the former one: where the address of a remote changes, its last worktree that is scanned
-- brings the new one, and where one folder of several is replaced by a clone of something else, nothing changes. A folder
-- that is in no git repository any more, of a family of several views, changes nothing: it is empty because it is not
-- mounted, or was moved without its git directory.
-- Errors: PX003 (the scan is no longer the caller's), PX004 (the repository that the view belongs to was indexed with
-- another embedding model than the job asks for, without force).
create or replace function pgdex.join_family(
    p_job_id uuid, p_attempt integer, p_identity text, p_kind text, p_is_main boolean, p_branch text, p_commit_id text
) returns table (repository_id bigint, embedder text, embedder_allowed boolean)
language plpgsql security definer
set search_path = pg_catalog, pgdex, pg_temp
as $$
#variable_conflict use_column
declare
    v_job indexing_jobs := pgdex.lock_live_job(p_job_id);
    v_view views;
    v_own bigint;
    v_has_files boolean;
    v_family repositories;
begin
    if not exists (
        select from job_batches b
        where b.job_id = p_job_id and b.seq = 0 and b.attempt = p_attempt and b.state = 'running'
    ) then
        raise exception 'attempt % of the scan of job % is no longer current', p_attempt, p_job_id
            using errcode = 'PX003';
    end if;
    select * into v_view from views v where v.id = v_job.view_id;
    v_own := v_view.repository_id;
    v_has_files := exists (select from view_files e where e.view_id = v_view.id);
    if p_kind = 'folder' and v_has_files and exists (
        select from views o where o.repository_id = v_own and o.id <> v_view.id and o.removed_at is null
    ) then
        return query select r.id, coalesce(v_job.embedder, r.embedding_model), v_job.embedder_allowed
        from repositories r where r.id = v_own;
        return;
    end if;
    loop
        select * into v_family from repositories r
        where r.project_id = v_view.project_id and r.identity = p_identity and r.removed_at is null
        for no key update;
        exit when found;
        begin
            update repositories r set identity = p_identity
            where r.id = v_own and not exists (
                select from views o
                where o.repository_id = v_own and o.id <> v_view.id and o.removed_at is null
                    and o.missing_since is null and o.identity = r.identity
            )
            returning * into v_family;
            exit when found or v_has_files;
            insert into repositories (project_id, name, identity) values (v_view.project_id, v_view.name, p_identity)
            returning * into v_family;
            exit;
        exception when unique_violation then
            null;  -- another view of it was scanned at this moment: look again
        end;
    end loop;
    if v_family.id <> v_own and not v_has_files then
        if v_job.embedder <> v_family.embedding_model and not v_job.force_reindex then
            raise exception '% belongs to the repository %, whose index was made with the embedding model %, and % was asked for: vectors of two models cannot be compared, so every file has to be embedded again',
                pgdex.view_location(v_view.root, v_view.ref), v_family.name, v_family.embedding_model, v_job.embedder using errcode = 'PX004';
        end if;
        update views v set repository_id = v_family.id, is_default = false where v.id = v_view.id;
        -- It was made for this view alone.
        delete from repositories r
        where r.id = v_own and not exists (select from views v where v.repository_id = v_own)
            and not exists (select from versions w where w.repository_id = v_own);
        perform pgdex.choose_default_view(v_own);
        perform pgdex.choose_default_view(v_family.id);
    else
        select * into v_family from repositories r where r.id = v_own;
    end if;
    update views v
    set identity = p_identity, kind = p_kind, is_main = p_is_main, branch = p_branch, commit_id = p_commit_id
    where v.id = v_view.id and (v.identity, v.kind, v.is_main, v.branch, v.commit_id)
        is distinct from (p_identity, p_kind, p_is_main, p_branch, p_commit_id);
    update indexing_jobs j set commit_id = p_commit_id where j.id = p_job_id and v_view.ref <> '';
    -- The model that the index has already is for everyone to use.
    update indexing_jobs j set embedder_allowed = true
    where j.id = p_job_id and not j.embedder_allowed and j.embedder = v_family.embedding_model;
    return query select v_family.id, coalesce(j.embedder, v_family.embedding_model), j.embedder_allowed
    from indexing_jobs j where j.id = p_job_id;
end
$$;
