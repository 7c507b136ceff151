-- Drops the vector indexes that cost more than they are worth: those of a model that the repository no longer has, and
-- those of a repository whose running job writes more than a tenth of the files (each row that goes into an HNSW index
-- costs 1.9 ms, and rebuilding it afterwards is cheaper). Of one repository, or of all. Returns how many remain because
-- another transaction has used the table; their rows then cost more, and the next call tries again.
--
-- Called after plan_job, for that repository, and every few seconds by one worker in the cluster: p_turn is the number
-- of the last time (the row `vector_indexes` of cluster_duties) as the caller has seen it; a worker that comes second
-- finds another number and gets 0. Null: do it anyway. Never call it in a transaction that holds a job's row. Runs with
-- its owner's rights, because a worker owns no table.
create or replace function pgdex.drop_unwanted_vector_indexes(
    p_repository_id bigint default null, p_turn bigint default null
) returns integer
language plpgsql security definer
set search_path = pg_catalog, pgdex, pg_temp
as $$
declare
    v_repository record;
    v_left integer := 0;
begin
    if p_turn is not null then
        update cluster_duties set counter = counter + 1
        where name in (
            select name from cluster_duties
            where name = 'vector_indexes' and counter = p_turn for no key update skip locked
        );
        if not found then
            return 0;
        end if;
    end if;
    for v_repository in
        select r.id, case when not rewritten.yes then r.model_id end as kept_model
        from pg_class i
        join repositories r on r.id = substring(i.relname::text from '^chunks_r([0-9]+)_hnsw_m[0-9]+$')::bigint
        cross join lateral (
            select exists (
                select from indexing_jobs j join views v on v.id = j.view_id
                where v.repository_id = r.id and j.status in ('running', 'blocked') and j.batches_left > 0
                    and j.files_to_index::bigint * 10 > j.files_scanned and j.only_paths is null
            ) as yes
        ) as rewritten
        where i.relnamespace = 'pgdex'::regnamespace and i.relkind = 'i' and i.relname like 'chunks\_r%'
            and (p_repository_id is null or r.id = p_repository_id)
            and (rewritten.yes or i.relname::text is distinct from pgdex.vector_index_name(r.id, r.model_id))
        group by 1, 2
        order by 1
    loop
        if not pgdex.drop_vector_indexes(v_repository.id, v_repository.kept_model) then
            v_left := v_left + 1;
        end if;
    end loop;
    return v_left;
end
$$;
