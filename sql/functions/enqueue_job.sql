-- Requests the indexing of a folder or working tree and returns the job's id at once.
--
--   select pgdex.enqueue_job('/path/to/repo');
--   select pgdex.enqueue_job('/path/to/repo', project => 'web', force => true);
--   select pgdex.enqueue_job('https://git.example.com/team/repo.git', ref => 'refs/heads/main');
--
-- Promises: one transaction, one live job per view. If one is already pending, running or blocked, its id is
-- returned and nothing is written. The caller may choose job_id, and then sees from the answer whether the job is the
-- new one. embedder null means the model that the repository already has, or else the default of the worker that scans
-- it. Those who may do a worker's work (pgdex_worker, the owner of the schema) may choose another one; from others,
-- workers accept only their own and those in PGDEX_ALLOWED_EMBEDDERS, because the embedder decides where code is sent.
-- The path is normalised, so that one folder is one view however it is spelled. Which repository the view belongs to is
-- found out by its first scan (join_family); until then it is a repository of its own. A whole disk, a home or a system
-- folder is refused unless allow_broad says that it is meant.
-- It inserts and returns: a worker admits the job. So a transaction left open after it delays only those who ask for
-- the very same view for the first time: they get an error after three seconds, as does a caller that asks while the
-- repository's chunks are being moved to a table of their own, if that takes longer.
-- no_ignore says whether to index what .gitignore, .git/info/exclude and the user's core.excludesFile leave out; it is
-- remembered for the view, and null leaves it as it was.
-- With a ref (HEAD, refs/heads/NAME, refs/tags/NAME, a commit's full id) it is what git has there that is indexed, and
-- not the working files; of an address always, HEAD without a ref. Workers fetch it with the git of their machines. An
-- address that holds a password is refused: give that to git, on the machines of the workers.
-- submodules says whether the repositories that its commits name as submodules are indexed too, each as a view of its
-- own (follow_submodules); it is remembered, and null leaves it as it was. In a folder they are a part of the tree.
-- paths, relative to repo_path: the job looks at these only (each a file, or a folder with all that is in it), for
-- watchers, which know what has changed. A view that was never indexed to its end is walked whole. If a job is live
-- already that looks at some paths only, a pending one gets these paths as well; one that has started is cancelled
-- where the whole tree is asked for now. With force it is always the whole tree.
-- Runs with its owner's rights: whoever may call it needs no rights on the tables.
-- Errors: PX005 (bad argument), PX004 (a different embedding model from that of the index, without force), 55P03 (see
-- above).
create or replace function pgdex.enqueue_job(
    repo_path text,
    project text default 'default',
    name text default null,
    force boolean default false,
    embedder text default null,
    job_id uuid default gen_random_uuid(),
    allow_broad boolean default false,
    no_ignore boolean default null,
    paths text[] default null,
    ref text default '',
    submodules boolean default null
) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pgdex, pg_temp
set lock_timeout = '3s'
as $$
#variable_conflict use_column
declare
    v_is_address constant boolean := coalesce(enqueue_job.repo_path, '') ~ '^(https|ssh)://|^[A-Za-z0-9_][^/:@]*@[^/:@]+:';
    v_path text := case when v_is_address then enqueue_job.repo_path else pgdex.normalized_path(enqueue_job.repo_path) end;
    v_ref text := case when v_is_address then coalesce(nullif(enqueue_job.ref, ''), 'HEAD') else enqueue_job.ref end;
    v_view views;
    v_repository repositories;
    v_id uuid;
    v_live indexing_jobs;
    v_paths text[] := enqueue_job.paths;
    v_name constant text := case when enqueue_job.name is not null then pgdex.checked_name(enqueue_job.name) end;
    v_is_worker boolean;
begin
    -- Only ssh has users without a secret. The value is not repeated: errors are logged.
    if enqueue_job.repo_path ~ '^[A-Za-z][A-Za-z0-9+.-]*://[^/]*@|^[^/]*:[^/]*@'
        and enqueue_job.repo_path !~ '^ssh://[A-Za-z0-9_][A-Za-z0-9_.+-]*@[^/@]+/'
        or v_is_address and enqueue_job.repo_path ~* '[?#]|^(ssh://)?(gh[opusr]_|github_pat_|glpat-|gloas-|x-token-auth|oauth2)' then
        raise exception 'the address holds a password or a token'
            using errcode = 'PX005', hint = 'Leave it out, and give it to git on the machines of the workers: a credential helper, or ssh with a key.';
    end if;
    if not v_is_address and coalesce(enqueue_job.repo_path, '') !~ '^(/|[A-Za-z]:[\\/])' then
        raise exception 'repo_path must be an absolute path, https://host/path, ssh://host/path or user@host:path, got %',
            quote_nullable(enqueue_job.repo_path) using errcode = 'PX005';
    end if;
    if not v_ref ~ '^(|HEAD|refs/(heads|tags)/[^[:cntrl:] ~^:?*\[\\-][^[:cntrl:] ~^:?*\[\\]*|[0-9a-f]{40}|[0-9a-f]{64})$' then
        raise exception 'ref must be HEAD, refs/heads/NAME, refs/tags/NAME or the full id of a commit, got %',
            quote_nullable(v_ref) using errcode = 'PX005';
    end if;
    if v_ref = '' and enqueue_job.submodules then
        raise exception 'submodules of working files are indexed as a part of them; only those of a git source are followed'
            using errcode = 'PX005', hint = 'Leave submodules out, or index a branch, a tag or a commit.';
    end if;
    if v_ref = '' and pgdex.broad_folder(v_path) is not null and not coalesce(enqueue_job.allow_broad, false) then
        raise exception '% is %, not a repository', v_path, pgdex.broad_folder(v_path)
            using errcode = 'PX005', hint = 'Name the folder of the source code. If you do mean all of it: allow_broad => true.';
    end if;
    if coalesce(enqueue_job.project, '') !~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$' then
        raise exception 'project must be 1 to 100 letters, digits, dots, dashes or underscores, got %',
            quote_nullable(enqueue_job.project) using errcode = 'PX005';
    end if;

    if exists (
        select from unnest(v_paths) as p
        where coalesce(p, '') = '' or starts_with(p, '/') or p ~ '(^|/)\.{1,2}(/|$)' or p ~ '//|/$'
    ) then
        raise exception 'paths must be relative to repo_path, without "." and ".." and without a slash at the end, got %',
            v_paths using errcode = 'PX005';
    end if;

    -- A known view's row is not touched: a scan locks it for seconds, and a job's id must not wait for that.
    select * into v_view from views v
    where v.project_id = enqueue_job.project and v.root = v_path and v.ref = v_ref and v.removed_at is null;
    if not found then
        insert into repositories (project_id, name)
        values (
            enqueue_job.project,
            coalesce(v_name, regexp_replace(substring(v_path from '[^/\\:]+$'), '(.)\.git$', '\1'), v_path)
        )
        returning * into v_repository;
        insert into views (repository_id, project_id, root, ref, kind, name, is_default, no_ignore)
        values (
            v_repository.id, enqueue_job.project, v_path, v_ref,
            case
                when v_ref = '' then 'folder' when v_ref ~ '^refs/tags/' then 'tag'
                when v_ref ~ '^(HEAD$|refs/)' then 'branch' else 'commit'
            end,
            coalesce(
                v_name,
                case when v_ref in ('', 'HEAD') then v_repository.name
                    else v_repository.name || '@' || case
                        when v_ref ~ '^refs/' then regexp_replace(v_ref, '^refs/(heads|tags)/', '') else left(v_ref, 12)
                    end
                end
            ),
            true, coalesce(enqueue_job.no_ignore, false)
        )
        on conflict (project_id, root, ref) where removed_at is null do nothing
        returning * into v_view;
        if not found then
            -- Somebody else was quicker.
            delete from repositories r where r.id = v_repository.id;
            select * into v_view from views v
            where v.project_id = enqueue_job.project and v.root = v_path and v.ref = v_ref and v.removed_at is null;
        end if;
    end if;
    select * into v_repository from repositories r where r.id = v_view.repository_id;
    -- Someone wants it for its own sake: it does not go with the commit that named it as a submodule.
    update views v set submodule_of = null where v.id = v_view.id and v.submodule_of is not null;

    -- Not current_user: in this function that is its owner. If no roles could be created, there is only the owner.
    select coalesce(pg_has_role(session_user, to_regrole('pgdex_worker'), 'member'), false)
        or pg_has_role(session_user, nspowner, 'member')
    into v_is_worker
    from pg_namespace where nspname = 'pgdex';

    -- The loop is for a live job that ends between the insert and the look: then ours can be live.
    loop
        select * into v_live from indexing_jobs j where j.view_id = v_view.id and pgdex.is_live(j.status);
        if found and (v_live.only_paths is null or v_live.only_paths @> v_paths and not enqueue_job.force) then
            return v_live.id;
        elsif found then
            update indexing_jobs j
            set only_paths = case when v_paths is not null then array(
                select p from unnest(j.only_paths || v_paths) as p group by p order by p
            ) end
            where j.id = v_live.id and j.status = 'pending' and j.only_paths is not null and not enqueue_job.force;
            if found or v_paths is not null and not enqueue_job.force then
                return v_live.id;
            end if;
            begin
                perform pgdex.cancel_job(v_live.id);
            exception when sqlstate 'PX002' then
                null;  -- it has just ended
            end;
        end if;
        if enqueue_job.embedder is not null and v_repository.embedding_model is not null
            and enqueue_job.embedder <> v_repository.embedding_model and not enqueue_job.force then
            raise exception 'the index of % was made with the embedding model %, and % was asked for: vectors of two models cannot be compared, so every file has to be embedded again',
                pgdex.view_location(v_path, v_ref), v_repository.embedding_model, enqueue_job.embedder
                using errcode = 'PX004', hint = 'Enqueue with force to do that, or set the embedder back.';
        end if;
        insert into indexing_jobs (
            id, view_id, project_id, repo_path, force_reindex, only_paths, embedder, embedder_allowed
        )
        values (
            enqueue_job.job_id, v_view.id, enqueue_job.project, pgdex.view_location(v_path, v_ref), enqueue_job.force,
            case when v_ref = '' and v_view.last_indexed_at is not null and not enqueue_job.force then v_paths end,
            coalesce(enqueue_job.embedder, v_repository.embedding_model),
            v_is_worker or enqueue_job.embedder is null or enqueue_job.embedder is not distinct from v_repository.embedding_model
        )
        on conflict (view_id) where pgdex.is_live(status) do nothing
        returning id into v_id;
        if found then
            insert into job_batches (job_id, seq, kind) values (v_id, 0, 'scan');
            update views v set name = coalesce(v_name, v.name),
                no_ignore = coalesce(enqueue_job.no_ignore, v.no_ignore),
                follows_submodules = coalesce(enqueue_job.submodules, v.follows_submodules)
            where v.id = v_view.id and (
                v.name <> v_name or v.no_ignore <> enqueue_job.no_ignore
                or v.follows_submodules <> enqueue_job.submodules
            );
            update repositories r set name = v_name
            where r.id = v_repository.id and r.name <> v_name and v_view.is_default;
            return v_id;
        end if;
    end loop;
exception
    when foreign_key_violation then
        raise exception '% is being removed from the index right now', pgdex.view_location(v_path, v_ref)
            using errcode = 'lock_not_available', hint = 'Try again in a moment.';
    when lock_not_available then
        raise exception '% is locked by another transaction: its chunks are being moved to a table of their own, or someone has asked for it in a transaction that is still open',
            pgdex.view_location(v_path, v_ref)
            using errcode = 'lock_not_available',
                hint = 'Try again in a moment. If that does not help, pg_stat_activity shows who is "idle in transaction".';
end
$$;
