-- Asks for a repository to be indexed and returns the job's id at once.
--
--   select pgdex.enqueue_job('/path/to/repo');
--   select pgdex.enqueue_job('/path/to/repo', project => 'web', force => true);
--
-- Promises: one transaction, one live job per repository. Where one is already pending, running or blocked, its
-- id is returned and nothing is written. job_id may be chosen by the caller, who then sees from the answer
-- whether the job is the new one. embedder null means the model that the repository already has, or else the
-- default of the worker that scans it.
-- no_ignore says whether .gitignore and .git/info/exclude count; it is remembered for the repository, and null means as
-- it was. allow_broad is needed for folders that nobody means as a repository, such as / or a home folder.
-- Runs with its owner's rights: who may call it needs none on the tables.
-- Errors: PX005 (bad argument), PX004 (another embedding model than the index has, without force).
create or replace function pgdex.enqueue_job(
    repo_path text,
    project text default 'default',
    name text default null,
    force boolean default false,
    embedder text default null,
    job_id uuid default gen_random_uuid(),
    allow_broad boolean default false,
    no_ignore boolean default null
) returns uuid
language plpgsql security definer
set search_path = pg_catalog, pgdex, pg_temp
as $$
#variable_conflict use_column
declare
    v_path text := case when enqueue_job.repo_path = '/' then '/' else rtrim(enqueue_job.repo_path, '/') end;
    v_repository repositories;
    v_id uuid;
begin
    if v_path is null or v_path = '' or left(v_path, 1) <> '/' and v_path !~ '^[A-Za-z]:[\\/]' then
        raise exception 'repo_path must be an absolute path, got %', quote_nullable(enqueue_job.repo_path)
            using errcode = 'PX005';
    end if;
    if coalesce(enqueue_job.project, '') !~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$' then
        raise exception 'project must be 1 to 100 letters, digits, dots, dashes or underscores, got %',
            quote_nullable(enqueue_job.project) using errcode = 'PX005';
    end if;

    insert into projects (id) values (enqueue_job.project) on conflict do nothing;
    -- A known repository's row is not touched: plan_job holds it for seconds, and nobody waits for a job's id.
    insert into repositories (project_id, root, name)
    select enqueue_job.project, v_path, coalesce(enqueue_job.name, substring(v_path from '[^/\\]+$'), v_path)
    where not exists (select from repositories r where r.project_id = enqueue_job.project and r.root = v_path)
    on conflict (project_id, root) do nothing;
    select * into v_repository from repositories r where r.project_id = enqueue_job.project and r.root = v_path;

    -- The loop is for a live job that ends between the insert and the look: then there is room for ours.
    loop
        select id into v_id from indexing_jobs
        where repository_id = v_repository.id and status in ('pending', 'running', 'blocked');
        if found then
            return v_id;
        end if;
        if enqueue_job.embedder is not null and v_repository.embedding_model is not null
            and enqueue_job.embedder <> v_repository.embedding_model and not enqueue_job.force then
            raise exception 'the index of % was made with the embedding model %, and % was asked for: vectors of two models cannot be compared, so every file has to be embedded again',
                v_path, v_repository.embedding_model, enqueue_job.embedder
                using errcode = 'PX004', hint = 'Enqueue with force to do that, or set the embedder back.';
        end if;
        insert into indexing_jobs (id, repository_id, project_id, repo_path, force_reindex, embedder)
        values (
            enqueue_job.job_id, v_repository.id, enqueue_job.project, v_path, enqueue_job.force,
            coalesce(enqueue_job.embedder, v_repository.embedding_model)
        )
        on conflict (repository_id) where status in ('pending', 'running', 'blocked') do nothing
        returning id into v_id;
        if found then
            insert into job_batches (job_id, seq, kind) values (v_id, 0, 'scan');
            update repositories set name = enqueue_job.name
            where id = v_repository.id and name <> enqueue_job.name;
            update repositories set no_ignore = enqueue_job.no_ignore
            where id = v_repository.id and no_ignore <> enqueue_job.no_ignore;
            perform pgdex.admit_jobs();
            return v_id;
        end if;
    end loop;
end
$$;
