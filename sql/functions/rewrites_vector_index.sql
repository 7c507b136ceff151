-- Whether a job, whose scan has filled pg_temp.found_files, will write more than a tenth of the files of a repository
-- that has a vector index: then it is worth a few seconds to drop the index first (see drop_unwanted_vector_indexes).
-- Only a forecast, asked before plan_job, which decides what the job writes.
create or replace function pgdex.rewrites_vector_index(
    p_job_id uuid, p_embedder text, p_dimension integer, p_index_format smallint default 0
) returns boolean
language plpgsql
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_view bigint;
    v_repository repositories;
    v_force boolean;
begin
    select j.force_reindex into v_force from indexing_jobs j where j.id = p_job_id and j.only_paths is null;
    if not found then
        return false;  -- it looks at some paths only
    end if;
    select v.id into v_view from indexing_jobs j join views v on v.id = j.view_id where j.id = p_job_id;
    select r.* into v_repository from repositories r join views v on v.repository_id = r.id where v.id = v_view;
    if not exists (
        select from pg_class
        where relnamespace = 'pgdex'::regnamespace and relkind = 'i'
            and relname like format('chunks\_r%s\_hnsw\_m%%', v_repository.id)
    ) then
        return false;
    end if;
    return v_force or (v_repository.embedding_model, v_repository.embedding_dimension)
        is distinct from (p_embedder, p_dimension)
        or (
            select count(*) filter (
                where v.id is null or v.index_format <> p_index_format
                    or v.skip_reason is null and v.model_id is distinct from v_repository.model_id
                    or t.id is null and (e.size is distinct from w.size or e.mtime_ns is distinct from w.mtime_ns)
            ) * 10 > count(*)
            from pg_temp.found_files w
            left join view_files e on e.view_id = v_view and e.path = w.path
            left join versions t on t.repository_id = v_repository.id and t.path = w.path and t.blob_id = w.blob_id
            left join versions v on v.id = coalesce(t.id, e.version_id)
            where w.skip_reason is null
        );
end
$$;
